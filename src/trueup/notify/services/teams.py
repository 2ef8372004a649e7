"""Microsoft Teams: an adaptive card to a workflow's webhook, or a message card to one of the connectors of old."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from trueup.core.telling import Telling
from trueup.notify.sending import Client, Refused, Way
from trueup.notify.services.text import colour, cut, decoded, facts, option, options_of

TEXT_LIMIT = 20_000
"""Characters: a card may have 28 KB."""


class Teams:
    """Implements `Service`."""

    gathered = True

    async def send(self, telling: Telling, client: Client) -> None:
        """Send a message. Raises `Refused`."""
        url = _address(telling)
        host = urlsplit(url).hostname or ""
        legacy = host.endswith("webhook.office.com") or host == "outlook.office.com"
        payload = _message_card(telling) if legacy else _adaptive_card(telling)
        await client.send("POST", url, Way.of(options_of(telling)), json=payload)


def _address(telling: Telling) -> str:
    urls = options_of(telling).get("recipientUrls")
    if isinstance(urls, dict):
        if telling.recipient not in urls:
            raise Refused(f"recipientUrls has no {telling.recipient!r}")
        return str(urls[telling.recipient])
    found = option(telling, "address")
    if not found:
        raise Refused("it has no address; put it into its Secret or its own object")
    return found


def _adaptive_card(telling: Telling) -> dict[str, Any]:
    section, happening = telling.section, telling.happening
    card: Any = decoded(section["adaptiveCard"], "adaptiveCard") if section.get("adaptiveCard") else None
    if card is None:
        title = str(section.get("title") or (happening.title if happening else telling.about))
        text = str(section.get("text") or telling.message)
        listed = decoded(section["facts"], "facts") if section.get("facts") else None
        shown = listed or [{"title": name, "value": value} for name, value in facts(happening)]
        body: list[dict[str, Any]] = [
            {
                "type": "TextBlock",
                "text": cut(title, 300),
                "weight": "bolder",
                "size": "large",
                "wrap": True,
                "color": colour(happening, "default", "attention"),
            },
            {"type": "TextBlock", "text": cut(text, TEXT_LIMIT), "wrap": True},
        ]
        if shown:
            body.append({"type": "FactSet", "facts": shown})
        schema = "http://adaptivecards.io/schemas/adaptive-card.json"
        card = {"type": "AdaptiveCard", "$schema": schema, "version": "1.4", "body": body}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _message_card(telling: Telling) -> dict[str, Any]:
    section, happening = telling.section, telling.happening
    title = str(section.get("title") or (happening.title if happening else telling.about))
    listed = decoded(section["facts"], "facts") if section.get("facts") else None
    card: dict[str, Any] = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "themeColor": str(section.get("themeColor") or colour(happening, "0076D7", "FF0000")),
        "title": cut(title, 300),
        "summary": cut(str(section.get("summary") or title), 300),
        "text": cut(str(section.get("text") or telling.message), TEXT_LIMIT),
    }
    shown = listed or [{"name": name, "value": value} for name, value in facts(happening)]
    card["sections"] = decoded(section["sections"], "sections") if section.get("sections") else [{"facts": shown}]
    if section.get("potentialAction"):
        card["potentialAction"] = decoded(section["potentialAction"], "potentialAction")
    return card
