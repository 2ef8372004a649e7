"""Takes note of every sync that ends, without ever holding up whoever tells it.

Three stages, each bounded: a queue in memory (the event loop puts), a spool on disk (one thread appends and makes
durable), the database (another thread stores, and drops from the spool what is stored). While the database is away the
spool fills; when that is full, or the disk is, the queue; when that is full too, records are lost and counted, and the
gap is recorded as soon as there is room.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import structlog

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.events import Event, SyncEnded, UnitChanged
from trueup.core.model.objects import canonical_json
from trueup.history.entries import Entry, Gap, entry_of, recovered_entry
from trueup.history.ledger import now
from trueup.history.spool import Spool
from trueup.history.storing import Storing

log = structlog.get_logger(__name__)

QUEUE = 1000
"""Records that wait in memory."""

RETRY_SECONDS = 1.0
STOP_SECONDS = 5.0


class HistoryEventSink:
    """Keeps the history. Implements the `EventSink` port."""

    def __init__(self, spool: Spool, storing: Storing, queue: int = QUEUE, wall: Callable[[], datetime] = now) -> None:
        """Take the spool, and who stores what lies in it."""
        self._spool = spool
        self._storing = storing
        self._limit = queue
        self._wall = wall
        self._waiting: deque[DeploymentRecord] = deque()
        self._lock = threading.Lock()
        self._in_hand = 0
        self._lost: Gap | None = None
        self._lost_ever = 0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._since = wall()
        self._thread = threading.Thread(target=self._run, name="history-spool", daemon=True)

    @property
    def waiting(self) -> int:
        """History records that are not on disk yet."""
        with self._lock:
            return len(self._waiting) + self._in_hand

    @property
    def lost(self) -> int:
        """Records that were lost and are not recorded as a gap yet."""
        return self._lost.count if self._lost is not None else 0

    @property
    def lost_ever(self) -> int:
        """Records that were lost since the start, recorded as gaps or not."""
        return self._lost_ever

    @property
    def spooled(self) -> int:
        """Bytes on disk that the database has not taken yet."""
        return self._spool.size

    def publish(self, event: Event) -> None:
        """Take note of a sync that has ended; of a unit first seen, what its short history says was recorded before."""
        if isinstance(event, SyncEnded):
            self._take(event.record)
        elif isinstance(event, UnitChanged) and event.before is None:
            known = (recovered_entry(event.unit.ref, event.unit.uid, item) for item in event.after.history)
            # What ended after this process began is told by its own record, which may come a moment later.
            self._storing.expect([entry for entry in known if entry is not None and entry.at < self._since])

    def start(self) -> None:
        """Begin to keep what is told."""
        self._since = self._wall()
        self._storing.start()
        self._thread.start()

    async def stop(self) -> None:
        """Bring what waits to the disk, and if it can be done within some seconds, into the database."""
        self._stopping.set()
        self._wake.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)
        await asyncio.to_thread(self._storing.stop, STOP_SECONDS)

    def _take(self, record: DeploymentRecord) -> None:
        with self._lock:
            if len(self._waiting) < self._limit and self._lost is None:
                self._waiting.append(record)
            else:
                # Once something was lost all is, until there is room: a gap has one beginning and one end.
                lost = self._lost
                self._lost_ever += 1
                count, since = (lost.count + 1, lost.since) if lost is not None else (1, record.finished)
                self._lost = Gap(count, since, record.finished, "neither the spool nor the queue had room")
        self._wake.set()

    def _run(self) -> None:
        pending: list[bytes] = []
        complaint = ""
        while True:
            if not pending:
                self._wake.wait(RETRY_SECONDS)
            self._wake.clear()
            if not pending:
                pending = self._next_batch()
            last = self._stopping.is_set()
            try:
                done = self._spool.append(pending, last=last) if pending else 0
                problem = "the spool is full" if done < len(pending) else ""
            except OSError as error:
                done, problem = 0, f"{error.strerror or error} ({self._spool.folder})"
            if problem != complaint:
                (log.error if problem else log.info)("spooling the history", problem=problem or "over")
                complaint = problem
            pending = pending[done:]
            with self._lock:
                self._in_hand = len(pending)
            if done:
                self._storing.wake()
            if last and (problem or not (pending or self._waiting or self._lost)):
                return
            if problem:
                self._stopping.wait(RETRY_SECONDS)

    def _next_batch(self) -> list[bytes]:
        with self._lock:
            records = list(self._waiting)
            self._waiting.clear()
            self._in_hand = len(records)
            lost, self._lost = self._lost, None
        encoded = [_encoded(record) for record in records]
        if lost is not None:
            log.error("records of syncs were lost", count=lost.count, since=lost.since, until=lost.until)
            encoded.append(canonical_json(Entry(uuid4().hex, gap=lost)))
        return encoded


def _encoded(record: DeploymentRecord) -> bytes:
    """Give a record's entry as JSON; of one that cannot be written as such, that it was there."""
    try:
        return canonical_json(entry_of(record))
    except (ValueError, TypeError, OverflowError) as error:
        log.error("a record cannot be written", unit=str(record.unit), error=f"{type(error).__name__}: {error}")
        gap = Gap(1, record.finished, record.finished, "the record could not be written")
        return canonical_json(Entry(uuid4().hex, gap=gap))
