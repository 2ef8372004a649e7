"""Writes what happens as Kubernetes events on the users' objects, unless another controller works on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trueup.core.model.events import Event, ReconcileEnded, SyncEnded, UnitGone
from trueup.core.model.objects import ObjectRef
from trueup.core.notification.object_events import ObjectEvent
from trueup.storage.kubernetes_events import KubernetesEvents


class ObjectEvents:
    """Implements the `EventSink` port."""

    def __init__(
        self,
        events: KubernetesEvents,
        read: Callable[[Event], Iterable[ObjectEvent]],
        managed_by: Callable[[ObjectRef], str],
    ) -> None:
        """Take who writes, who says what an event is to users, and who names another controller of an object."""
        self._events = events
        self._read = read
        self._managed_by = managed_by
        self._ended: set[ObjectRef] = set()

    def publish(self, event: Event) -> None:
        """Have written what is news to users."""
        if isinstance(event, SyncEnded):
            self._ended.add(event.unit.ref)
        elif isinstance(event, ReconcileEnded | UnitGone):
            self._ended.discard(event.unit.ref)
        for told in self._read(event):
            again = told.echo and told.about in self._ended
            if not again and not self._managed_by(told.about):
                self._events.tell(told)
