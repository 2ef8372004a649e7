"""Prometheus' Alertmanager, API v2: bad news is an alert that fires, its end one that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from trueup.core.notification.notification import Notification, Severity
from trueup.notifications.sending import Client, HttpOptions, Refused
from trueup.notifications.services.text import facts, option, options_of

LASTS = timedelta(hours=24)
"""How long an alert fires that nobody ends: what is bad is not told again and again."""


class Alertmanager:
    """Implements `Service`."""

    gathered = False

    async def send(self, notification: Notification, client: Client) -> None:
        """Send an alert. Raises `Refused`."""
        headers = dict(options_of(notification).get("headers") or {})
        if token := option(notification, "token", "bearerToken"):
            headers["Authorization"] = f"Bearer {token}"
        refusals = []
        addresses = _addresses(notification)
        for url in addresses:
            try:
                await client.send(
                    "POST", url, HttpOptions.of(options_of(notification)), json=[_alert(notification)], headers=headers
                )
            except Refused as refusal:
                refusals.append(refusal)
        # Members of a cluster tell each other: one that has it is enough.
        if len(refusals) == len(addresses):
            raise next((refusal for refusal in refusals if refusal.retry), refusals[0])


def _addresses(notification: Notification) -> list[str]:
    options = options_of(notification)
    targets = options.get("targets")
    if isinstance(targets, list) and targets:
        scheme, path = options.get("scheme") or "http", options.get("apiPath") or "/api/v2/alerts"
        return [f"{scheme}://{target}{path}" for target in targets[:10]]
    address = option(notification, "address")
    if not address:
        raise Refused("it has no address; put it into its Secret or its own object")
    return [address]


def _alert(notification: Notification) -> dict[str, Any]:
    section, event, ref = notification.section, notification.event, notification.about
    began = event.at if event else datetime.now(UTC)
    over = event is not None and event.severity is Severity.INFO
    labels = {
        # A recovery must have the very labels of the alert that it ends.
        "alertname": f"Flux{ref.kind}" if ref.group.endswith("fluxcd.io") else notification.trigger,
        "severity": "error",
        "kind": ref.kind,
        "name": ref.name,
        "namespace": ref.namespace,
    }
    annotations = {"message": notification.message, **dict(facts(event))}
    if event is None:
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
