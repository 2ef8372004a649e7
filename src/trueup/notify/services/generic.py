"""Events as Flux' notification-controller posts them to programs: JSON, and with a signature where a token is set.

The body is upstream's `Event` (`involvedObject`, `severity`, `timestamp`, `message`, `reason`, `metadata`,
`reportingController`). `generic-hmac` adds `X-Signature: sha256=…`, the HMAC of the body.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from trueup.core.telling import Telling
from trueup.notify.sending import Client, Refused, Way
from trueup.notify.services.text import needed, options_of

_CONTROLLERS = {"Kustomization": "kustomize-controller", "GitRepository": "source-controller"}


class Generic:
    """Implements `Service`."""

    gathered = False

    async def send(self, telling: Telling, client: Client) -> None:
        """Send an event. Raises `Refused`."""
        body = msgspec.json.encode(event_of(telling))
        headers = {
            "Content-Type": "application/json",
            "Gotk-Component": _CONTROLLERS.get(telling.about.kind, "trueup"),
            **self._signature(telling, body),
            **options_of(telling).get("headers", {}),
        }
        await client.send("POST", needed(telling, "address"), Way.of(options_of(telling)), data=body, headers=headers)

    def _signature(self, telling: Telling, body: bytes) -> dict[str, str]:
        return {}


class Signed(Generic):
    """Implements `Service`: the same with a signature."""

    def _signature(self, telling: Telling, body: bytes) -> dict[str, str]:
        token = str(options_of(telling).get("token") or "")
        if not token:
            raise Refused("it has no token to sign with; put it into its Secret under 'token'")
        return {"X-Signature": f"sha256={hmac.new(token.encode(), body, hashlib.sha256).hexdigest()}"}


def event_of(telling: Telling) -> dict[str, Any]:
    """Write a message as Flux' `Event`."""
    happening, ref = telling.happening, telling.about
    if happening is None:
        raise Refused("services of this type take what happens to Flux' objects")
    metadata = {**({"revision": happening.revision} if happening.revision else {}), **dict(happening.facts)}
    version = "v1beta3" if ref.group.startswith("notification") else "v1"
    return {
        "involvedObject": {
            "apiVersion": f"{ref.group}/{version}" if ref.group else version,
            "kind": ref.kind,
            "namespace": ref.namespace,
            "name": ref.name,
        },
        "severity": happening.severity.value,
        "timestamp": happening.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "message": happening.message,
        "reason": happening.reason,
        "metadata": metadata,
        "reportingController": _CONTROLLERS.get(ref.kind, "trueup"),
        "reportingInstance": "trueup",
    }
