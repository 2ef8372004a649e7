"""What is written as events on users' objects: each kind's adapter says it in upstream's words."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.model.events import Event, SourceChanged, SourceGone, SourcePolled
from trueup.core.notification.object_events import ObjectEvent
from trueup.dialects.registry import adapter_of


def object_events(event: Event) -> Iterable[ObjectEvent]:
    """Give the events that users find on an object for what has happened in the engine; mostly there are none."""
    source = isinstance(event, SourceChanged | SourceGone | SourcePolled)
    ref = event.declaration.ref if source else event.unit.ref  # type: ignore[union-attr]
    adapter = adapter_of(ref.group, ref.kind)
    return adapter.events(event) if adapter is not None else ()
