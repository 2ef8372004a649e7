"""Kubernetes events on users' objects: what happens to them, and what is wrong with what they configured."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.notification.object_events import ObjectEvent
from trueup.kube.client import KubeClient
from trueup.kube.events import Details, EventWriter, Involved

COMPONENT = "trueup"


class KubernetesEvents:
    """Writes events, as `kubectl describe` and `flux events` show them. Implements the `Warnings` port."""

    def __init__(self, client: KubeClient, body_of: Callable[[ObjectRef], Body | None], instance: str = "") -> None:
        """Take a client whose writes are fenced, where objects are found, and which controller this is."""
        self._writer = EventWriter(client, COMPONENT, instance)
        self._body_of = body_of

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    async def stop(self) -> None:
        """Write what waits, and end."""
        await self._writer.stop()

    def tell(self, event: ObjectEvent) -> None:
        """Have an event written about what happened; of an object that is gone, none is."""
        involved = self._involved(event.about)
        if involved.uid:
            details = Details(event.component, dict(event.annotations))
            self._writer.emit(involved, "Warning" if event.warning else "Normal", event.reason, event.message, details)

    def warn(self, ref: ObjectRef, message: str) -> None:
        """Have an event written about what is wrong."""
        self._writer.emit(self._involved(ref), "Warning", "NotificationFailed", message)

    def _involved(self, ref: ObjectRef) -> Involved:
        body = self._body_of(ref) or {}
        version = str(body.get("apiVersion") or (f"{ref.group}/v1" if ref.group else "v1"))
        metadata = body.get("metadata") or {}
        return Involved(ref, version, str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or ""))
