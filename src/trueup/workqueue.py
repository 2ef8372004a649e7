"""A queue of keys: each key is worked on by one worker at a time, different keys in parallel.

A key that is added while it is being worked on is worked on once more afterwards, never twice at once. Urgent keys
come before the others; a key can be added for later, and the earliest time wins. While urgent keys are worked on, only
so many of the others are, so that these do not hold them up. Tenants are served by turns, and none of them takes all
workers: a thousand keys of one tenant delay another's by what is worked on just then, and no more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import structlog

from trueup.fairness import TENANT, FairLine

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STOP_PAUSE = 0.5


class WorkQueue(Generic[K]):
    """Calls `handler(key)` for every added key. A handler that raises is called again after a growing pause."""

    def __init__(
        self,
        name: str,
        handler: Callable[[K], Awaitable[None]],
        workers: int,
        *,
        beside: int | None = None,
        tenant_of: Callable[[K], str] | None = None,
    ) -> None:
        """Take the handler and how many keys may be worked on at once. Nothing runs before `start`.

        `beside` is how many keys that are not urgent may be worked on beside urgent ones; `None`: any number.
        `tenant_of` says whose a key is; `None`: all are one's.
        """
        self._name = name
        self._handler = handler
        self._workers = workers
        self._beside = beside if beside is not None else workers
        self._tenant_of: Callable[[K], str] = tenant_of or _nobodys
        # A few workers are kept from each tenant: all others find one.
        self._share = workers - max(1, workers // 4) if tenant_of is not None and workers > 1 else workers
        self._urgent: FairLine[K] = FairLine()
        self._later: FairLine[K] = FairLine()
        self._queued: dict[K, bool] = {}
        self._active: dict[K, bool] = {}
        self._at_work: Counter[str] = Counter()
        self._running: dict[K, asyncio.Task[None]] = {}
        self._again: dict[K, bool] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._idle: asyncio.Event = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Start the workers."""
        self._stopping = False
        self._tasks = [asyncio.create_task(self._work(), name=f"{self._name}-{n}") for n in range(self._workers)]

    async def stop(self) -> None:
        """Cancel what is under way and drop what is queued."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._stopping = True
        pending = set(self._tasks)
        while pending:
            # A cancellation can be lost on the way (asyncio.wait_for of Python 3.11 may swallow one): ask again.
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=STOP_PAUSE)
        self._tasks = []

    def add(self, key: K, *, urgent: bool = True) -> None:
        """Have a key worked on soon. A key already waiting is not added twice, but may become urgent."""
        self._idle.clear()
        if key in self._active:
            self._again[key] = self._again.get(key, False) or urgent
            return
        before = self._queued.get(key)
        if before is None or (urgent and not before):
            self._queued[key] = urgent
            (self._urgent if urgent else self._later).add(self._tenant_of(key), key)
            self._wake.set()

    def add_after(self, key: K, seconds: float, *, urgent: bool = True) -> None:
        """Have a key worked on after some seconds; of several times the earliest holds."""
        if seconds <= 0:
            self.add(key, urgent=urgent)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key, urgent)

    def hasten(self) -> None:
        """Have everything worked on now that is due later."""
        for key, timer in list(self._timers.items()):
            timer.cancel()
            self._due(key, urgent=True)

    def forget(self, key: K) -> None:
        """Drop a key's timer and its record of failures."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._failures.pop(key, None)

    def end(self, key: K) -> None:
        """Drop a key altogether; what is under way for it is cancelled."""
        self.forget(key)
        self._queued.pop(key, None)
        self._again.pop(key, None)
        if key in self._running:
            self._running[key].cancel()

    def waiting(self) -> int:
        """Count the keys that wait for a worker."""
        return len(self._queued)

    @property
    def busy(self) -> bool:
        """Whether something is queued or under way; what is due later does not count."""
        return not self._idle.is_set()

    async def idle(self) -> None:
        """Wait until nothing is queued or under way; what is due later does not count."""
        await self._idle.wait()

    def _due(self, key: K, urgent: bool) -> None:
        self._timers.pop(key, None)
        self.add(key, urgent=urgent)

    def _next(self) -> tuple[K, bool] | None:
        for line, urgent in ((self._urgent, True), (self._later, False)):
            if not urgent and self._held_back():
                return None
            while (key := line.take(self._has_room)) is not None:
                # A key that became urgent stands in both lines; the entry that no longer holds is skipped.
                if self._queued.get(key) is urgent:
                    del self._queued[key]
                    return key, urgent
        return None

    def _has_room(self, tenant: str) -> bool:
        return self._at_work[tenant] < self._share

    def _held_back(self) -> bool:
        """Whether what is not urgent waits until urgent keys are done with."""
        urgent = sum(self._active.values())
        return urgent > 0 and len(self._active) - urgent >= self._beside

    async def _work(self) -> None:
        while not self._stopping:
            found = self._next()
            if found is None:
                self._wake.clear()
                if not self._active:
                    self._idle.set()
                await self._wake.wait()
                continue
            key, urgent = found
            tenant = self._tenant_of(key)
            self._active[key] = urgent
            self._at_work[tenant] += 1
            task = self._running[key] = asyncio.create_task(self._handle(key, tenant), name=f"{self._name}: {key}")
            try:
                await task
                self._failures.pop(key, None)
            except asyncio.CancelledError:
                if self._stopping or not task.cancelled() or _cancelled():
                    raise
                # The key was ended, and not the worker.
            except Exception as error:
                # The rim of the loop: one key's failure must not end the worker that all keys share.
                failures = self._failures[key] = self._failures.get(key, 0) + 1
                pause = min(FIRST_PAUSE * 2.0 ** (failures - 1), LONGEST_PAUSE)
                log.exception("work failed", queue=self._name, key=str(key), retry_in=pause, error=str(error))
                self.add_after(key, pause)
            finally:
                self._at_work[tenant] -= 1
                if not self._at_work[tenant]:
                    del self._at_work[tenant]
                del self._active[key], self._running[key]
                if self._queued:
                    self._wake.set()
                again = self._again.pop(key, None)
                if again is not None:
                    self.add(key, urgent=again)
            # A handler that waits for nothing gives nobody else a turn.
            await asyncio.sleep(0)

    async def _handle(self, key: K, tenant: str) -> None:
        TENANT.set(tenant)
        await self._handler(key)


def _nobodys(key: Hashable) -> str:
    return ""


def _cancelled() -> bool:
    """Say whether the task that runs is to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
