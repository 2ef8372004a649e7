"""Microsoft Teams: an adaptive card to a workflow's webhook, or a message card to one of the connectors of old."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from trueup.core.notification.notification import Notification
from trueup.core.wording import cut
from trueup.notifications.sending import Client, HttpOptions, Refused
from trueup.notifications.services.text import colour, decoded, facts, option, options_of

TEXT_LIMIT = 20_000
"""Characters: a card may have 28 KB."""


class Teams:
    """Implements `Service`."""

    gathered = True

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        url = _address(notification)
        host = urlsplit(url).hostname or ""
        legacy = host.endswith("webhook.office.com") or host == "outlook.office.com"
        payload = _message_card(notification) if legacy else _adaptive_card(notification)
        await client.send("POST", url, HttpOptions.of(options_of(notification)), json=payload)


def _address(notification: Notification) -> str:
    urls = options_of(notification).get("recipientUrls")
    if isinstance(urls, dict):
        if notification.recipient not in urls:
            raise Refused(f"recipientUrls has no {notification.recipient!r}")
        return str(urls[notification.recipient])
    found = option(notification, "address")
    if not found:
        raise Refused("it has no address; put it into its Secret or its own object")
    return found


def _adaptive_card(notification: Notification) -> dict[str, Any]:
    section, event = notification.section, notification.event
    card: Any = decoded(section["adaptiveCard"], "adaptiveCard") if section.get("adaptiveCard") else None
    if card is None:
        title = str(section.get("title") or (event.title if event else notification.about))
        text = str(section.get("text") or notification.message)
        listed = decoded(section["facts"], "facts") if section.get("facts") else None
        shown = listed or [{"title": name, "value": value} for name, value in facts(event)]
        body: list[dict[str, Any]] = [
            {
                "type": "TextBlock",
                "text": cut(title, 300),
                "weight": "bolder",
                "size": "large",
                "wrap": True,
                "color": colour(event, "default", "attention"),
            },
            {"type": "TextBlock", "text": cut(text, TEXT_LIMIT), "wrap": True},
        ]
        if shown:
            body.append({"type": "FactSet", "facts": shown})
        schema = "http://adaptivecards.io/schemas/adaptive-card.json"
        card = {"type": "AdaptiveCard", "$schema": schema, "version": "1.4", "body": body}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _message_card(notification: Notification) -> dict[str, Any]:
    section, event = notification.section, notification.event
    title = str(section.get("title") or (event.title if event else notification.about))
    listed = decoded(section["facts"], "facts") if section.get("facts") else None
    card: dict[str, Any] = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "themeColor": str(section.get("themeColor") or colour(event, "0076D7", "FF0000")),
        "title": cut(title, 300),
        "summary": cut(str(section.get("summary") or title), 300),
        "text": cut(str(section.get("text") or notification.message), TEXT_LIMIT),
    }
    shown = listed or [{"name": name, "value": value} for name, value in facts(event)]
    card["sections"] = decoded(section["sections"], "sections") if section.get("sections") else [{"facts": shown}]
    if section.get("potentialAction"):
        card["potentialAction"] = decoded(section["potentialAction"], "potentialAction")
    return card
