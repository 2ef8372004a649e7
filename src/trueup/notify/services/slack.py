"""Slack: by an incoming webhook, or as a bot by `chat.postMessage`, whose messages on one matter form a thread.

The first message on a matter stands in the channel; later ones are written below it, and the first is changed to say
how things stand now (`chat.update`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import structlog

from trueup.core.telling import Telling
from trueup.notify.sending import Answer, Client, Refused, Way
from trueup.notify.services.text import colour, cut, decoded, facts, needed, option, options_of

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

    async def send(self, telling: Telling, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        token = option(telling, "token")
        payload = _payload(telling)
        if not token:
            await client.send("POST", needed(telling, "address", "url"), Way.of(options_of(telling)), json=payload)
            return
        await self._as_bot(telling, client, token, payload)

    async def _as_bot(self, telling: Telling, client: Client, token: str, payload: dict[str, Any]) -> None:
        section = telling.section
        policy = str(section.get("deliveryPolicy") or "")
        matter = str(section.get("groupingKey") or (telling.happening.thread if telling.happening else ""))
        key = (telling.service_name, telling.recipient, matter)
        known = self._threads.get(key) if matter else None
        api = _api(option(telling, "apiURL", "address"))
        if known is not None and policy != "Update":
            reply = {**payload, "thread_ts": known[1], "reply_broadcast": bool(section.get("notifyBroadcast"))}
            await _call(telling, client, f"{api}/chat.postMessage", token, reply)
        if known is not None:
            if policy in ("", "Update", "PostAndUpdate"):
                changed = {**payload, "channel": known[0], "ts": known[1]}
                try:
                    await _call(telling, client, f"{api}/chat.update", token, changed)
                except Refused as refusal:
                    if policy == "Update":
                        raise
                    # The reply has arrived: were this tried again, it would stand there twice.
                    log.info("a thread's beginning is not changed", service=telling.service_name, problem=str(refusal))
            return
        answer = await _call(telling, client, f"{api}/chat.postMessage", token, payload)
        if matter and answer.get("ts"):
            self._threads[key] = (str(answer.get("channel") or telling.recipient), str(answer["ts"]))
            while len(self._threads) > THREADS:
                self._threads.popitem(last=False)


def _api(address: str) -> str:
    """Give the API's base; Flux' users write the method's own address."""
    return (address or API).removesuffix("/chat.postMessage").rstrip("/")


async def _call(telling: Telling, client: Client, url: str, token: str, payload: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer: Answer = await client.send("POST", url, Way.of(options_of(telling)), json=payload, headers=headers)
    found = answer.json()
    if not isinstance(found, dict):
        raise Refused("Slack did not answer as its API does", retry=True)
    if found.get("ok") is not True:
        code = str(found.get("error") or "unknown")[:80]
        raise Refused(f"Slack refused it: {code}", retry=code in _LATER)
    return found


def _payload(telling: Telling) -> dict[str, Any]:
    section, happening = telling.section, telling.happening
    payload: dict[str, Any] = {}
    if happening is None:
        payload["text"] = cut(telling.message, TEXT_LIMIT)
        for name in ("attachments", "blocks"):
            if section.get(name):
                payload[name] = decoded(section[name], name)
    else:
        fields = [{"title": name, "value": value, "short": len(value) < 40} for name, value in facts(happening)]
        payload["text"] = cut(happening.title, TEXT_LIMIT)
        payload["attachments"] = [
            {
                "color": colour(happening, "good", "danger"),
                "author_name": happening.title,
                "text": cut(happening.message, TEXT_LIMIT),
                "mrkdwn_in": ["text"],
                "fields": fields,
            }
        ]
    if telling.recipient:
        payload["channel"] = telling.recipient
    name = str(section.get("username") or option(telling, "sender", "username"))
    if name:
        payload["username"] = name
    icon = str(section.get("icon") or option(telling, "icon"))
    if icon:
        payload["icon_emoji" if icon.startswith(":") else "icon_url"] = icon
    return payload
