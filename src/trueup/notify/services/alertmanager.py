"""Prometheus' Alertmanager, API v2: bad news is an alert that fires, its end one that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from trueup.core.telling import Severity, Telling
from trueup.notify.sending import Client, Refused, Way
from trueup.notify.services.text import facts, option, options_of

LASTS = timedelta(hours=24)
"""How long an alert fires that nobody ends: what is bad is not told again and again."""


class Alertmanager:
    """Implements `Service`."""

    gathered = False

    async def send(self, telling: Telling, client: Client) -> None:
        """Send an alert. Raises `Refused`."""
        headers = dict(options_of(telling).get("headers") or {})
        if token := option(telling, "token", "bearerToken"):
            headers["Authorization"] = f"Bearer {token}"
        refusals = []
        addresses = _addresses(telling)
        for url in addresses:
            try:
                await client.send("POST", url, Way.of(options_of(telling)), json=[_alert(telling)], headers=headers)
            except Refused as refusal:
                refusals.append(refusal)
        # Members of a cluster tell each other: one that has it is enough.
        if len(refusals) == len(addresses):
            raise next((refusal for refusal in refusals if refusal.retry), refusals[0])


def _addresses(telling: Telling) -> list[str]:
    options = options_of(telling)
    targets = options.get("targets")
    if isinstance(targets, list) and targets:
        scheme, path = options.get("scheme") or "http", options.get("apiPath") or "/api/v2/alerts"
        return [f"{scheme}://{target}{path}" for target in targets[:10]]
    address = option(telling, "address")
    if not address:
        raise Refused("it has no address; put it into its Secret or its own object")
    return [address]


def _alert(telling: Telling) -> dict[str, Any]:
    section, happening, ref = telling.section, telling.happening, telling.about
    began = happening.at if happening else datetime.now(UTC)
    over = happening is not None and happening.severity is Severity.INFO
    labels = {
        # A recovery must have the very labels of the alert that it ends.
        "alertname": f"Flux{ref.kind}" if ref.group.endswith("fluxcd.io") else telling.trigger,
        "severity": "error",
        "kind": ref.kind,
        "name": ref.name,
        "namespace": ref.namespace,
    }
    annotations = {"message": telling.message, **dict(facts(happening))}
    if happening is None:
        labels = {**labels, **{str(key): str(value) for key, value in (section.get("labels") or {}).items()}}
        extra = section.get("annotations") or {}
        annotations = {**annotations, **{str(key): str(value) for key, value in extra.items()}}
    ends = began if over else began + LASTS
    alert: dict[str, Any] = {
        "labels": {key: value for key, value in labels.items() if value},
        "annotations": annotations,
        "startsAt": (began - timedelta(seconds=1) if over else began).isoformat(),
        "endsAt": ends.isoformat(),
    }
    if section.get("generatorURL"):
        alert["generatorURL"] = str(section["generatorURL"])
    return alert
