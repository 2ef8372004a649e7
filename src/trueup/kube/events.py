"""Events on users' objects, as `kubectl describe` shows them: aggregated, rate-limited, and never in anybody's way.

The same event again raises a count instead of making another (core/v1 `Event`, `count` and `lastTimestamp`); one object
gets a burst and then a few an hour; what does not fit into the queue is dropped and counted.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec
import structlog

from trueup.core.model.objects import ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError, NotFound
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

EVENTS = Resource("", "v1", "events", "Event", True)
EventType: TypeAlias = Literal["Normal", "Warning"]

_QUEUE_LIMIT = 1000
_KNOWN_LIMIT = 4096
_BURST = 25.0
_REFILL_SECONDS = 300.0
_MAX_MESSAGE = 1024

log = structlog.get_logger(__name__)


class Involved(msgspec.Struct, frozen=True):
    """The object that an event is about."""

    ref: ObjectRef
    api_version: str
    uid: str = ""
    resource_version: str = ""


class _Entry(msgspec.Struct):
    about: Involved
    type: EventType
    reason: str
    message: str
    first: datetime
    last: datetime
    count: int = 0
    name: str = ""
    queued: bool = False


class EventWriter:
    """Writes events in the background. `start` it, `emit` as often as you like, `stop` it to write the rest."""

    def __init__(
        self,
        client: KubeClient,
        component: str,
        instance: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take who reports: the component's name, and which instance of it."""
        self.dropped = 0
        self._client = client
        self._component, self._instance = component, instance or component
        self._clock, self._wall = clock, wall
        self._known: OrderedDict[tuple[str, ...], _Entry] = OrderedDict()
        self._budgets: OrderedDict[ObjectRef, tuple[float, float]] = OrderedDict()
        self._queue: asyncio.Queue[_Entry] = asyncio.Queue(_QUEUE_LIMIT)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        if self._task is None:
            self._task = asyncio.create_task(self._write_all(), name="events")

    async def stop(self, timeout: float = 2.0) -> None:
        """Write what is queued, for at most `timeout` seconds, and end."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            await asyncio.wait_for(self._queue.join(), timeout)
        except TimeoutError:
            log.warning("events-left", count=self._queue.qsize())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def emit(self, about: Involved, type: EventType, reason: str, message: str) -> None:
        """Have an event written soon. Never waits and never raises."""
        message = message if len(message) <= _MAX_MESSAGE else message[: _MAX_MESSAGE - 1] + "…"
        if not self._allowed(about.ref):
            self.dropped += 1
            return
        now = self._wall()
        key = (*about.ref, about.uid, type, reason, message)
        entry = self._known.get(key)
        if entry is None:
            entry = self._known[key] = _Entry(about, type, reason, message, now, now)
            if len(self._known) > _KNOWN_LIMIT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        entry.count += 1
        entry.last = now
        if not entry.queued:
            try:
                self._queue.put_nowait(entry)
                entry.queued = True
            except asyncio.QueueFull:
                self.dropped += 1

    def _allowed(self, ref: ObjectRef) -> bool:
        now = self._clock()
        budget, at = self._budgets.pop(ref, (_BURST, now))
        budget = min(_BURST, budget + (now - at) / _REFILL_SECONDS)
        self._budgets[ref] = (budget - 1 if budget >= 1 else budget, now)
        if len(self._budgets) > _KNOWN_LIMIT:
            self._budgets.popitem(last=False)
        return budget >= 1

    async def _write_all(self) -> None:
        while True:
            entry = await self._queue.get()
            entry.queued = False
            try:
                await self._write(entry)
            except KubeError as error:
                self.dropped += 1
                log.warning("event-not-written", about=str(entry.about.ref), reason=entry.reason, error=str(error))
            finally:
                self._queue.task_done()

    async def _write(self, entry: _Entry) -> None:
        # Events about cluster-scoped objects live in `default`.
        namespace = entry.about.ref.namespace or "default"
        if entry.name:
            change = {"count": entry.count, "lastTimestamp": _stamp(entry.last)}
            try:
                await self._client.patch(EVENTS, entry.name, namespace, change, write=Write(manager=self._component))
                return
            except NotFound:
                # Events expire after an hour: begin a new one.
                entry.name, entry.count, entry.first = "", 1, entry.last
        name = f"{entry.about.ref.name[:200]}.{uuid.uuid4().hex[:16]}"
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": entry.about.api_version,
                "kind": entry.about.ref.kind,
                "name": entry.about.ref.name,
                "namespace": entry.about.ref.namespace,
                "uid": entry.about.uid,
                "resourceVersion": entry.about.resource_version,
            },
            "type": entry.type,
            "reason": entry.reason,
            "message": entry.message,
            "count": entry.count,
            "firstTimestamp": _stamp(entry.first),
            "lastTimestamp": _stamp(entry.last),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }
        await self._client.create(EVENTS, body, namespace, Write(manager=self._component))
        entry.name = name


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
