"""Events as Flux' notification-controller posts them to programs: JSON, and with a signature where a token is set.

The body is upstream's `Event` (`involvedObject`, `severity`, `timestamp`, `message`, `reason`, `metadata`,
`reportingController`). `generic-hmac` adds `X-Signature: sha256=…`, the HMAC of the body.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from trueup.core.notification.notification import Notification
from trueup.notifications.sending import Client, HttpOptions, Refused
from trueup.notifications.services.text import needed, options_of

_CONTROLLERS = {"Kustomization": "kustomize-controller", "GitRepository": "source-controller"}


class Generic:
    """Implements `Service`."""

    gathered = False

    async def send(self, notification: Notification, client: Client) -> None:
        """Send an event. Raises `Refused`."""
        body = msgspec.json.encode(event_of(notification))
        headers = {
            "Content-Type": "application/json",
            "Gotk-Component": _CONTROLLERS.get(notification.about.kind, "trueup"),
            **self._signature(notification, body),
            **options_of(notification).get("headers", {}),
        }
        await client.send(
            "POST",
            needed(notification, "address"),
            HttpOptions.of(options_of(notification)),
            data=body,
            headers=headers,
        )

    def _signature(self, notification: Notification, body: bytes) -> dict[str, str]:
        return {}


class Signed(Generic):
    """Implements `Service`: the same with a signature."""

    def _signature(self, notification: Notification, body: bytes) -> dict[str, str]:
        token = str(options_of(notification).get("token") or "")
        if not token:
            raise Refused("it has no token to sign with; put it into its Secret under 'token'")
        return {"X-Signature": f"sha256={hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}"}


def event_of(notification: Notification) -> dict[str, Any]:
    """Write a message as Flux' `Event`."""
    event, ref = notification.event, notification.about
    if event is None:
        raise Refused("services of this type take what happens to Flux' objects")
    metadata = {**({"revision": event.revision} if event.revision else {}), **dict(event.facts)}
    version = "v1beta3" if ref.group.startswith("notification") else "v1"
    return {
        "involvedObject": {
            "apiVersion": f"{ref.group}/{version}" if ref.group else version,
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
        },
        "severity": event.severity.value,
        "timestamp": event.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "message": event.message,
        "reason": event.reason,
        "metadata": metadata,
        "reportingController": _CONTROLLERS.get(ref.kind, "trueup"),
        "reportingInstance": "trueup",
    }
