"""Events on users' objects, as `kubectl describe` shows them: aggregated, rate-limited, and never in anybody's way.

The same event again raises a count instead of making another (core/v1 `Event`, `count` and `lastTimestamp`); one object
gets a burst and then a few an hour; namespaces are served by turns, and of what does not fit into the queue the oldest
of the namespace that has most is dropped and counted. What an object's newest
event says already, when a process begins, is not said once more.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
import structlog

from trueup.core.model.objects import ObjectRef
from trueup.core.redaction import redact
from trueup.core.wording import cut
from trueup.fairness import FairQueue
from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError, NotFound
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

EVENTS = Resource("", "v1", "events", "Event", True)
EventType: TypeAlias = Literal["Normal", "Warning"]

WRITTEN_BY = ("app.kubernetes.io/managed-by", "trueup")
"""The label of every event that is written here."""

_QUEUE_LIMIT = 10_000
_KNOWN_LIMIT = 4096
_RECALLED_LIMIT = 20_000
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


class Details(msgspec.Struct, frozen=True):
    """Who reports an event, empty for the writer itself, and its annotations; those of the last of the same count."""

    component: str = ""
    annotations: Mapping[str, str] = {}


_PLAIN = Details()


class _Entry(msgspec.Struct):
    about: Involved
    type: EventType
    reason: str
    message: str
    first: datetime
    last: datetime
    details: Details
    count: int = 0
    name: str = ""
    queued: bool = False


class _Recalled(msgspec.Struct, frozen=True):
    """An object's newest event of an earlier process."""

    said: tuple[str, str, str]
    name: str
    count: int
    last: str
    annotations: Mapping[str, str]


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
        self._queue: FairQueue[_Entry] = FairQueue(_QUEUE_LIMIT)
        self._written = asyncio.Event()
        self._written.set()
        self._task: asyncio.Task[None] | None = None
        self._recalled: dict[str, _Recalled] = {}
        self._failed = self._crowded = 0

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
            await asyncio.wait_for(self.flush(), timeout)
        except TimeoutError:
            log.warning("events were not written before the end", count=len(self._queue))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def flush(self) -> None:
        """Wait until all that was emitted is written or given up."""
        await self._written.wait()

    def emit(self, about: Involved, type: EventType, reason: str, message: str, details: Details = _PLAIN) -> None:
        """Have an event written soon. Never waits and never raises."""
        message = cut(redact(message), _MAX_MESSAGE)
        if not self._allowed(about.ref):
            self.dropped += 1
            return
        now = self._wall()
        key = (*about.ref, about.uid, type, reason, message)
        entry = self._known.get(key)
        if entry is None:
            entry = self._known[key] = _Entry(about, type, reason, message, now, now, details)
            if len(self._known) > _KNOWN_LIMIT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        entry.count += 1
        entry.last = now
        entry.details = details
        if not entry.queued:
            entry.queued = True
            self._written.clear()
            dropped = self._queue.put(about.ref.namespace, entry)
            if dropped is not None:
                dropped.queued = False
                self.dropped += 1
                self._crowded += 1
                if self._crowded & (self._crowded - 1) == 0:
                    log.warning("too many events at once; some are not written", left_out=self._crowded)

    def _allowed(self, ref: ObjectRef) -> bool:
        now = self._clock()
        budget, at = self._budgets.pop(ref, (_BURST, now))
        budget = min(_BURST, budget + (now - at) / _REFILL_SECONDS)
        self._budgets[ref] = (budget - 1 if budget >= 1 else budget, now)
        if len(self._budgets) > _KNOWN_LIMIT:
            self._budgets.popitem(last=False)
        return budget >= 1

    async def _write_all(self) -> None:
        first = True
        while True:
            entry = await self._queue.get()
            entry.queued = False
            try:
                if first:
                    await self._recall()
                    first = False
                if not self._said_before(entry):
                    await self._write(entry)
            except KubeError as error:
                self.dropped += 1
                self._failed += 1
                if self._failed & (self._failed - 1) == 0:
                    log.warning(
                        "an event was not written",
                        about=str(entry.about.ref),
                        reason=entry.reason,
                        error=str(error),
                        failed=self._failed,
                    )
            finally:
                if not self._queue:
                    self._written.set()

    async def _recall(self) -> None:
        """Read what earlier processes have written, as far as it is still there: of each object the newest event."""
        selectors = {"labelSelector": "=".join(WRITTEN_BY)}
        newest: dict[str, _Recalled] = {}
        try:
            for body in (await self._client.list_all(EVENTS, selectors=selectors)).items:
                _remember(newest, body)
        except KubeError as error:
            # Without it an event may stand there twice after a restart: no reason to write none.
            log.debug("earlier events are not known", error=str(error))
        self._recalled = newest

    def _said_before(self, entry: _Entry) -> bool:
        """Say whether an object's newest event from before the start says the very same; it is asked once for each."""
        before = self._recalled.pop(entry.about.uid, None)
        if before is None or entry.name or before.said != (entry.type, entry.reason, entry.message):
            return False
        again = dict(before.annotations) == dict(entry.details.annotations)
        entry.name, entry.count = before.name, before.count + entry.count - again
        return again and entry.count == before.count

    async def _write(self, entry: _Entry) -> None:
        # Events about cluster-scoped objects live in `default`.
        namespace = entry.about.ref.namespace or "default"
        component = entry.details.component or self._component
        write = Write(manager=component)
        annotations = dict(entry.details.annotations)
        if entry.name:
            change: dict[str, Any] = {"count": entry.count, "lastTimestamp": _stamp(entry.last)}
            if annotations:
                change["metadata"] = {"annotations": annotations}
            try:
                await self._client.patch(EVENTS, entry.name, namespace, change, write=write)
                return
            except NotFound:
                # Events expire after an hour: begin a new one.
                entry.name, entry.count, entry.first = "", 1, entry.last
        name = f"{entry.about.ref.name[:200]}.{uuid.uuid4().hex[:16]}"
        metadata = {"name": name, "namespace": namespace, "labels": dict([WRITTEN_BY])}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {**metadata, "annotations": annotations} if annotations else metadata,
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
            "source": {"component": component},
            "reportingComponent": component,
            "reportingInstance": self._instance,
        }
        await self._client.create(EVENTS, body, namespace, write)
        entry.name = name


def _remember(newest: dict[str, _Recalled], body: Mapping[str, Any]) -> None:
    metadata, involved = body.get("metadata") or {}, body.get("involvedObject") or {}
    uid, last = str(involved.get("uid") or ""), str(body.get("lastTimestamp") or "")
    known = newest.get(uid)
    if not uid or (known is not None and known.last > last) or (known is None and len(newest) >= _RECALLED_LIMIT):
        return
    said = (str(body.get("type")), str(body.get("reason")), str(body.get("message")))
    count = body.get("count")
    counted = count if isinstance(count, int) else 1
    newest[uid] = _Recalled(said, str(metadata.get("name")), counted, last, metadata.get("annotations") or {})


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
