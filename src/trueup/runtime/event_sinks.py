"""Hands every event of the engine to all who take note of them, and keeps each from harming the others."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from trueup.core.model.events import Event
from trueup.core.ports import EventSink

log = structlog.get_logger(__name__)


class EventSinks:
    """Several sinks as one. Implements the `EventSink` port."""

    def __init__(self, sinks: Sequence[EventSink] = ()) -> None:
        """Take those who are told, in this order."""
        self._sinks = tuple(sinks)

    def publish(self, event: Event) -> None:
        """Tell all of them; one that fails is logged and does not keep the others from knowing."""
        for event_sink in self._sinks:
            try:
                event_sink.publish(event)
            except Exception as error:
                log.error(
                    "an event was not taken note of",
                    event_sink=type(event_sink).__name__,
                    event_type=type(event).__name__,
                    error=f"{type(error).__name__}: {error}",
                )
