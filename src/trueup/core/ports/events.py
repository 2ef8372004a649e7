"""Who is told of events, as a port."""

from __future__ import annotations

from typing import Protocol

from trueup.core.model.events import Event


class EventSink(Protocol):
    """Takes note of what happens: for the history, for notifications, for metrics and traces."""

    def publish(self, event: Event) -> None:
        """Take note. Never blocks and never raises: nobody who remembers or tells may hold up the engine."""
        ...
