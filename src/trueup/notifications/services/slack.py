"""Slack: by an incoming webhook, or as a bot by `chat.postMessage`, whose messages on one matter form a thread.

The first message on a matter stands in the channel; later ones are written below it, and the first is changed to say
how things stand now (`chat.update`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import structlog

from trueup.core.notification.notification import Notification
from trueup.core.wording import cut
from trueup.notifications.sending import Answer, Client, HttpOptions, Refused
from trueup.notifications.services.text import colour, decoded, facts, needed, option, options_of

log = structlog.get_logger(__name__)

API = "https://slack.com/api"
TEXT_LIMIT = 3000
THREADS = 2000
_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "internal_error", "fatal_error"})


class Slack:
    """Implements `Service`."""

    gathered = True

    def __init__(self) -> None:
        """Start without threads."""
        self._threads: OrderedDict[tuple[str, str, str], tuple[str, str]] = OrderedDict()

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        token = option(notification, "token")
        payload = _payload(notification)
        if not token:
            await client.send(
                "POST", needed(notification, "address", "url"), HttpOptions.of(options_of(notification)), json=payload
            )
            return
        await self._as_bot(notification, client, token, payload)

    async def _as_bot(self, notification: Notification, client: Client, token: str, payload: dict[str, Any]) -> None:
        section = notification.section
        policy = str(section.get("deliveryPolicy") or "")
        matter = str(section.get("groupingKey") or (notification.event.thread if notification.event else ""))
        key = (notification.service_name, notification.recipient, matter)
        known = self._threads.get(key) if matter else None
        api = _api(option(notification, "apiURL", "address"))
        if known is not None and policy != "Update":
            reply = {**payload, "thread_ts": known[1], "reply_broadcast": bool(section.get("notifyBroadcast"))}
            await _call(notification, client, f"{api}/chat.postMessage", token, reply)
        if known is not None:
            if policy in ("", "Update", "PostAndUpdate"):
                changed = {**payload, "channel": known[0], "ts": known[1]}
                try:
                    await _call(notification, client, f"{api}/chat.update", token, changed)
                except Refused as refusal:
                    if policy == "Update":
                        raise
                    # The reply has arrived: were this tried again, it would stand there twice.
                    log.info(
                        "a thread's beginning is not changed", service=notification.service_name, problem=str(refusal)
                    )
            return
        answer = await _call(notification, client, f"{api}/chat.postMessage", token, payload)
        if matter and answer.get("ts"):
            self._threads[key] = (str(answer.get("channel") or notification.recipient), str(answer["ts"]))
            while len(self._threads) > THREADS:
                self._threads.popitem(last=False)


def _api(address: str) -> str:
    """Give the API's base; Flux' users write the method's own address."""
    return (address or API).removesuffix("/chat.postMessage").rstrip("/")


async def _call(
    notification: Notification, client: Client, url: str, token: str, payload: dict[str, Any]
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer: Answer = await client.send(
        "POST", url, HttpOptions.of(options_of(notification)), json=payload, headers=headers
    )
    found = answer.json()
    if not isinstance(found, dict):
        raise Refused("Slack did not answer as its API does", retry=True)
    if found.get("ok") is not True:
        code = str(found.get("error") or "unknown")[:80]
        raise Refused(f"Slack refused it: {code}", retry=code in _LATER)
    return found


def _payload(notification: Notification) -> dict[str, Any]:
    section, event = notification.section, notification.event
    payload: dict[str, Any] = {}
    if event is None:
        payload["text"] = cut(notification.message, TEXT_LIMIT)
        for name in ("attachments", "blocks"):
            if section.get(name):
                payload[name] = decoded(section[name], name)
    else:
        fields = [{"title": name, "value": value, "short": len(value) < 40} for name, value in facts(event)]
        payload["text"] = cut(event.title, TEXT_LIMIT)
        payload["attachments"] = [
            {
                "color": colour(event, "good", "danger"),
                "author_name": event.title,
                "text": cut(event.message, TEXT_LIMIT),
                "mrkdwn_in": ["text"],
                "fields": fields,
            }
        ]
    if notification.recipient:
        payload["channel"] = notification.recipient
    name = str(section.get("username") or option(notification, "sender", "username"))
    if name:
        payload["username"] = name
    icon = str(section.get("icon") or option(notification, "icon"))
    if icon:
        payload["icon_emoji" if icon.startswith(":") else "icon_url"] = icon
    return payload
