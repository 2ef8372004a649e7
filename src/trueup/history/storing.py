"""The thread that brings what lies in the spools into the database, and keeps the database within its bounds.

It waits as long as the database is away, and tries again; meanwhile everything lies in the spool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from trueup.history.databases import HistoryUnavailable, migrate, told
from trueup.history.entries import Entry, Gap, decode_entry
from trueup.history.ledger import Ledger, now
from trueup.history.spool import Spool
from trueup.history.spool_claims import Claimed

log = structlog.get_logger(__name__)

IDLE_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
RETAIN_SECONDS = 600.0
"""How often what is too old is looked for."""

EXPECTED = 20_000
"""Entries of short histories that wait to be looked for in the database."""


class Bounds(msgspec.Struct, frozen=True):
    """What is kept: so many days and so many entries (0: no bound).

    `patience`: seconds after which a record that another process should have brought by itself is taken from the short
    history.
    """

    days: int = 400
    records: int = 1_000_000
    patience: float = 60.0


class Storing:
    """Stores for one writer, in a thread of its own."""

    def __init__(
        self, engine: Engine, ledger: Ledger, spool: Spool, left: Sequence[Claimed] = (), bounds: Bounds = Bounds()
    ) -> None:
        """Take the database, this process' spool, and the spools that others have left."""
        self._engine = engine
        self._ledger = ledger
        self._spool = spool
        self._left = list(left)
        self._bounds = bounds
        self._expected: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._ready = False
        self._next_retention = 0.0
        self._thread = threading.Thread(target=self._run, name="history-store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something in the spool."""
        self._wake.set()

    def expect(self, entries: Sequence[Entry]) -> None:
        """Take entries that should be in the database; those that are not are stored as they are here. Never blocks."""
        with self._lock:
            for entry in entries:
                if len(self._expected) < EXPECTED:
                    self._expected[entry.id] = entry
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Store what can be stored within so many seconds, and end."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(seconds)
        self._spool.close()

    def _run(self) -> None:
        pause, complaint = FIRST_PAUSE, ""
        while True:
            self._wake.clear()
            try:
                more = self._work()
                problem, pause = "", FIRST_PAUSE
            except (SQLAlchemyError, OSError, HistoryUnavailable) as error:
                problem, more = told(error) if not isinstance(error, HistoryUnavailable) else str(error), False
            except Exception as error:
                # Whatever it was, the history must go on being tried, and nobody else must notice.
                problem, more = f"{type(error).__name__}: {error}", False
            if problem != complaint:
                (log.error if problem else log.info)("storing the history", problem=problem or "over")
                complaint = problem
            if self._stopping.is_set() and not more:
                break
            if problem:
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            elif not more:
                self._wake.wait(IDLE_SECONDS)
        self._engine.dispose()

    def _work(self) -> bool:
        """Do one piece of work; says whether there is more."""
        if not self._ready:
            migrate(self._engine)
            self._ready = True
        if self._drain(self._spool):
            return True
        if self._left:
            if not self._drain(self._left[0].spool):
                self._left.pop(0).remove()
            return True
        if self._stopping.is_set():
            self._ledger.checkpoint()
            return False
        return self._recover() or self._retain()

    def _drain(self, spool: Spool) -> bool:
        payloads, mark = spool.take()
        if not payloads:
            return False
        entries = []
        for payload in payloads:
            try:
                entries.append(decode_entry(payload))
            except msgspec.DecodeError as error:
                log.error("a spooled record cannot be read and is left out", error=str(error))
        try:
            self._ledger.store(entries)
        except (DataError, IntegrityError):
            self._one_by_one(entries)
        spool.drop(mark)
        return True

    def _one_by_one(self, entries: Sequence[Entry]) -> None:
        """Store what can be stored of a batch that the database refuses; of the rest, that it was there."""
        for entry in entries:
            try:
                self._ledger.store([entry])
            except (DataError, IntegrityError) as error:
                log.error("the database refuses a record", id=entry.id, error=told(error))
                gap = Gap(1, entry.at, entry.at, "the database refused the record")
                self._ledger.store([Entry(f"{entry.id[:55]}-refused", gap=gap)])

    def _recover(self) -> bool:
        ripe = now() - timedelta(seconds=self._bounds.patience)
        with self._lock:
            batch = [entry for entry in self._expected.values() if entry.at <= ripe][:200]
        if not batch:
            return False
        batch.sort(key=lambda entry: entry.at)
        if count := self._ledger.recover(batch):
            log.warning("records were missing and are taken from short histories", count=count)
        with self._lock:
            for entry in batch:
                self._expected.pop(entry.id, None)
        return True

    def _retain(self) -> bool:
        if time.monotonic() < self._next_retention:
            return False
        if self._ledger.retain(self._bounds.days, self._bounds.records):
            return True
        self._next_retention = time.monotonic() + RETAIN_SECONDS
        return False
