"""Grafana: an annotation on its dashboards (`POST /api/annotations`)."""

from __future__ import annotations

import base64
import time

from trueup.core.telling import Telling
from trueup.notify.sending import Client, Way
from trueup.notify.services.text import cut, facts, needed, option, options_of


class Grafana:
    """Implements `Service`."""

    gathered = False

    async def send(self, telling: Telling, client: Client) -> None:
        """Make an annotation. Raises `Refused`."""
        happening = telling.happening
        base = needed(telling, "address", "apiUrl").rstrip("/")
        path = "/annotations" if base.endswith("/api") else "/api/annotations"
        url = base if base.endswith("/annotations") else base + path
        headers = {}
        if token := option(telling, "token", "apiKey"):
            headers["Authorization"] = f"Bearer {token}"
        elif password := option(telling, "password"):
            login = f"{option(telling, 'username')}:{password}"
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        tags = [tag for tag in telling.recipient.split("|") if tag]
        if happening is not None:
            tags += ["flux", *(f"{name}: {value}" for name, value in facts(happening))]
            tags += [f"kind: {telling.about.kind}", f"name: {telling.about.name}"]
            tags.append(f"namespace: {telling.about.namespace}")
        when = happening.at.timestamp() if happening else time.time()
        payload = {"when": int(when), "time": int(when * 1000), "text": cut(telling.message, 4000), "tags": tags[:30]}
        await client.send("POST", url, Way.of(options_of(telling)), json=payload, headers=headers)
