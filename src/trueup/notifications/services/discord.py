"""Discord: an incoming webhook, with one embed (its documented limits: 4096 characters, 25 fields)."""

from __future__ import annotations

from typing import Any

from trueup.core.notification.notification import Notification
from trueup.core.wording import cut
from trueup.notifications.sending import Client, HttpOptions
from trueup.notifications.services.text import colour, facts, needed, option, options_of


class Discord:
    """Implements `Service`."""

    gathered = True

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        event = notification.event
        fields = [{"name": cut(name, 256), "value": cut(value, 1024)} for name, value in facts(event)[:25]]
        embed: dict[str, Any] = {
            "title": cut(event.title if event else str(notification.about), 256),
            "description": cut(notification.message, 4096),
            "color": int(colour(event, "2eb886", "a30200"), 16),
            "fields": fields,
        }
        payload: dict[str, Any] = {"embeds": [embed], "allowed_mentions": {"parse": []}}
        if name := option(notification, "sender", "username"):
            payload["username"] = cut(name, 80)
        # Users of Flux write the address that speaks Slack's format: this one speaks Discord's own.
        url = needed(notification, "address").removesuffix("/slack")
        await client.send("POST", url, HttpOptions.of(options_of(notification)), json=payload)
