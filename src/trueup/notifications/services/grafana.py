"""Grafana: an annotation on its dashboards (`POST /api/annotations`)."""

from __future__ import annotations

import base64
import time

from trueup.core.notification.notification import Notification
from trueup.core.wording import cut
from trueup.notifications.sending import Client, HttpOptions
from trueup.notifications.services.text import facts, needed, option, options_of


class Grafana:
    """Implements `Service`."""

    gathered = False

    async def send(self, notification: Notification, client: Client) -> None:
        """Make an annotation. Raises `Refused`."""
        event = notification.event
        base = needed(notification, "address", "apiUrl").rstrip("/")
        path = "/annotations" if base.endswith("/api") else "/api/annotations"
        url = base if base.endswith("/annotations") else base + path
        headers = {}
        if token := option(notification, "token", "apiKey"):
            headers["Authorization"] = f"Bearer {token}"
        elif password := option(notification, "password"):
            login = f"{option(notification, 'username')}:{password}"
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        tags = [tag for tag in notification.recipient.split("|") if tag]
        if event is not None:
            tags += ["flux", *(f"{name}: {value}" for name, value in facts(event))]
            tags += [f"kind: {notification.about.kind}", f"name: {notification.about.name}"]
            tags.append(f"namespace: {notification.about.namespace}")
        when = event.at.timestamp() if event else time.time()
        payload = {
            "when": int(when),
            "time": int(when * 1000),
            "text": cut(notification.message, 4000),
            "tags": tags[:30],
        }
        await client.send("POST", url, HttpOptions.of(options_of(notification)), json=payload, headers=headers)
