"""Discord: an incoming webhook, with one embed (its documented limits: 4096 characters, 25 fields)."""

from __future__ import annotations

from typing import Any

from trueup.core.telling import Telling
from trueup.notify.sending import Client, Way
from trueup.notify.services.text import colour, cut, facts, needed, option, options_of


class Discord:
    """Implements `Service`."""

    gathered = True

    async def send(self, telling: Telling, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        happening = telling.happening
        fields = [{"name": cut(name, 256), "value": cut(value, 1024)} for name, value in facts(happening)[:25]]
        embed: dict[str, Any] = {
            "title": cut(happening.title if happening else str(telling.about), 256),
            "description": cut(telling.message, 4096),
            "color": int(colour(happening, "2eb886", "a30200"), 16),
            "fields": fields,
        }
        payload: dict[str, Any] = {"embeds": [embed], "allowed_mentions": {"parse": []}}
        if name := option(telling, "sender", "username"):
            payload["username"] = cut(name, 80)
        # Users of Flux write the address that speaks Slack's format: this one speaks Discord's own.
        url = needed(telling, "address").removesuffix("/slack")
        await client.send("POST", url, Way.of(options_of(telling)), json=payload)
