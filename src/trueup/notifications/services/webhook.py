"""Messages by HTTP to a URL of the user's own, as Argo CD's `webhook` service sends them.

Options: `url`, `headers` (`name`, `value`), `basicAuth` (`username`, `password`), `insecureSkipVerify`. A message's
section: `method` (GET), `path` (added to the URL), `body` (by default the message's text).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from trueup.core.notification.notification import Notification
from trueup.notifications.sending import Client, HttpOptions
from trueup.notifications.services.text import needed, options_of


class Webhook:
    """Implements `Service`."""

    gathered = False

    async def send(self, notification: Notification, client: Client) -> None:
        """Make the request. Raises `Refused`."""
        options, section = options_of(notification), notification.section
        url = needed(notification, "url")
        if path := section.get("path"):
            url = f"{url.rstrip('/')}/{str(path).lstrip('/')}"
        headers = _headers(options.get("headers"))
        basic = options.get("basicAuth")
        if isinstance(basic, Mapping):
            login = f"{basic.get('username') or ''}:{basic.get('password') or ''}"
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        body = section.get("body")
        text = body if isinstance(body, str) and body else notification.message
        method = str(section.get("method") or "GET").upper()
        await client.send(method, url, HttpOptions.of(options), data=text.encode(), headers=headers)


def _headers(value: Any) -> dict[str, str]:
    items = value if isinstance(value, list) else []
    pairs = [(item.get("name"), item.get("value")) for item in items if isinstance(item, Mapping)]
    return {name: str(text) for name, text in pairs if isinstance(name, str) and text is not None}
