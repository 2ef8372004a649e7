"""PagerDuty's Events API v2: bad news triggers an incident, its end resolves it."""

from __future__ import annotations

from typing import Any

from trueup.core.notification.notification import Notification, Severity
from trueup.core.wording import cut
from trueup.notifications.sending import Client, HttpOptions, Refused
from trueup.notifications.services.text import facts, option, options_of

API = "https://events.pagerduty.com/v2/enqueue"


class PagerDuty:
    """Implements `Service`."""

    gathered = True

    async def send(self, notification: Notification, client: Client) -> None:
        """Send an event. Raises `Refused`."""
        url = option(notification, "address", "apiURL") or API
        if not url.endswith("/v2/enqueue"):
            url = f"{url.rstrip('/')}/v2/enqueue"
        await client.send("POST", url, HttpOptions.of(options_of(notification)), json=_event(notification))


def _event(notification: Notification) -> dict[str, Any]:
    section, event = notification.section, notification.event
    severity = str(section.get("severity") or (event.severity.value if event else "error"))
    resolves = event is not None and event.severity is Severity.INFO
    key = str(section.get("dedupKey") or "/".join(part for part in notification.about if part))
    payload: dict[str, Any] = {
        "summary": cut(str(section.get("summary") or f"{notification.about}: {notification.message}"), 1024),
        "source": str(section.get("source") or notification.about),
        "severity": severity if severity in ("critical", "error", "warning", "info") else "error",
    }
    for name, wire in (("component", "component"), ("group", "group"), ("class", "class")):
        if section.get(name):
            payload[wire] = str(section[name])
    if details := dict(facts(event)):
        payload["custom_details"] = details
    alert: dict[str, Any] = {
        "routing_key": _routing_key(notification),
        "event_action": "resolve" if resolves else "trigger",
        "dedup_key": cut(key, 255),
        "payload": payload,
        "client": "trueup",
    }
    if section.get("url"):
        alert["client_url"] = str(section["url"])
    return alert


def _routing_key(notification: Notification) -> str:
    keys = options_of(notification).get("serviceKeys")
    if isinstance(keys, dict):
        if notification.recipient not in keys:
            raise Refused(f"serviceKeys has no {notification.recipient!r}")
        return str(keys[notification.recipient])
    key = option(notification, "token") or notification.recipient
    if not key:
        raise Refused("it has no routing key; write it as the channel, or into its Secret under 'token'")
    return key
