"""Traces of a commit's way through the stages, by OpenTelemetry: one for each sync, exported where `OTEL_*` says.

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` (or its form for traces) is set and the extra `tracing` is installed; nothing
is imported before. Spans are made when a sync has ended, from the times that its record holds.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import structlog

from trueup.core.model.events import Event, SourcePolled, SyncEnded
from trueup.core.ports import EventSink

log = structlog.get_logger(__name__)

SETTINGS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
POLLS = 1000
"""Sources of which the last poll is remembered, to be the first span of the syncs that it began."""


class Traces:
    """Implements the `EventSink` port."""

    def __init__(self, provider: Any) -> None:
        """Take OpenTelemetry's tracer provider."""
        from opentelemetry import trace

        self._trace = trace
        self._tracer = provider.get_tracer("trueup")
        self._polls: dict[str, SourcePolled] = {}

    def publish(self, event: Event) -> None:
        """Make the trace of a sync that has ended."""
        if isinstance(event, SourcePolled):
            if event.revision and event.revision not in self._polls:
                self._polls[event.revision] = event
                while len(self._polls) > POLLS:
                    del self._polls[next(iter(self._polls))]
        elif isinstance(event, SyncEnded):
            self._sync(event)

    def _sync(self, event: SyncEnded) -> None:
        record = event.record
        poll = self._polls.get(record.revision)
        # The poll that found the commit begins the trace, unless it was long ago: then it was another sync's.
        recent = poll is not None and 0 <= (record.started - poll.started).total_seconds() < 60
        began = _nanoseconds(poll.started if poll is not None and recent else record.started)
        root = self._tracer.start_span(f"sync {event.unit.ref.kind}", start_time=began, attributes=_attributes(event))
        context = self._trace.set_span_in_context(root)
        if poll is not None and recent:
            self._span("poll", context, began, poll.seconds)
        at = _nanoseconds(record.started)
        for step in record.steps:
            at = self._span(step.name, context, at, step.seconds)
        if record.ending.value not in ("good", "superseded"):
            root.set_status(self._trace.StatusCode.ERROR, record.ending.value)
        root.end(end_time=max(_nanoseconds(record.finished), at))

    def _span(self, name: str, context: Any, start: int, seconds: float) -> int:
        end = start + int(seconds * 1e9)
        self._tracer.start_span(name, context=context, start_time=start).end(end_time=end)
        return end


@asynccontextmanager
async def traced() -> AsyncIterator[tuple[EventSink, ...]]:
    """Give the journal that traces, or none where no traces are asked for. What is left is exported at the end."""
    if not any(os.environ.get(name) for name in SETTINGS):
        yield ()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.error("traces are asked for and cannot be made; install the extra: pip install 'trueup[tracing]'")
        yield ()
        return
    provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "trueup")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield (Traces(provider),)
    finally:
        await asyncio.to_thread(provider.shutdown)


def _attributes(event: SyncEnded) -> dict[str, str | int]:
    record = event.record
    return {
        "trueup.unit": str(event.unit.ref),
        "trueup.sync": record.id,
        "trueup.revision": record.revision,
        "trueup.cause": record.cause.value,
        "trueup.ending": record.ending.value,
        "trueup.objects": len(record.changes) + record.more,
    }


def _nanoseconds(when: datetime) -> int:
    return int(when.timestamp() * 1e9)
