"""PagerDuty's Events API v2: bad news triggers an incident, its end resolves it."""

from __future__ import annotations

from typing import Any

from trueup.core.telling import Severity, Telling
from trueup.notify.sending import Client, Refused, Way
from trueup.notify.services.text import cut, facts, option, options_of

API = "https://events.pagerduty.com/v2/enqueue"


class PagerDuty:
    """Implements `Service`."""

    gathered = True

    async def send(self, telling: Telling, client: Client) -> None:
        """Send an event. Raises `Refused`."""
        url = option(telling, "address", "apiURL") or API
        if not url.endswith("/v2/enqueue"):
            url = f"{url.rstrip('/')}/v2/enqueue"
        await client.send("POST", url, Way.of(options_of(telling)), json=_event(telling))


def _event(telling: Telling) -> dict[str, Any]:
    section, happening = telling.section, telling.happening
    severity = str(section.get("severity") or (happening.severity.value if happening else "error"))
    resolves = happening is not None and happening.severity is Severity.INFO
    key = str(section.get("dedupKey") or "/".join(part for part in telling.about if part))
    payload: dict[str, Any] = {
        "summary": cut(str(section.get("summary") or f"{telling.about}: {telling.message}"), 1024),
        "source": str(section.get("source") or telling.about),
        "severity": severity if severity in ("critical", "error", "warning", "info") else "error",
    }
    for name, wire in (("component", "component"), ("group", "group"), ("class", "class")):
        if section.get(name):
            payload[wire] = str(section[name])
    if details := dict(facts(happening)):
        payload["custom_details"] = details
    event: dict[str, Any] = {
        "routing_key": _routing_key(telling),
        "event_action": "resolve" if resolves else "trigger",
        "dedup_key": cut(key, 255),
        "payload": payload,
        "client": "trueup",
    }
    if section.get("url"):
        event["client_url"] = str(section["url"])
    return event


def _routing_key(telling: Telling) -> str:
    keys = options_of(telling).get("serviceKeys")
    if isinstance(keys, dict):
        if telling.recipient not in keys:
            raise Refused(f"serviceKeys has no {telling.recipient!r}")
        return str(keys[telling.recipient])
    key = option(telling, "token") or telling.recipient
    if not key:
        raise Refused("it has no routing key; write it as the channel, or into its Secret under 'token'")
    return key
