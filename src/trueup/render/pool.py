"""A pool of workers of one role: started when first needed, replaced when they end.

The worker that was idle last is taken first, so that a quiet engine keeps one process warm and the others may give
their memory back.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from trueup.fairness import FairSlots
from trueup.render.process import Worker, WorkerGone


class WorkerPool:
    """At most `size` workers, each asked one thing at a time; whoever comes later waits, tenants by turns."""

    def __init__(self, size: int, start: Callable[[], Awaitable[Worker]], *, once: bool = False) -> None:
        """Take how a worker is started; with `once` each is ended when it has answered one thing."""
        self._once = once
        self._slots = FairSlots(size)
        self._start = start
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False
        self.started = 0
        """How many processes were started so far, replacements included."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that run now."""
        return tuple(worker.pid for worker in (*self._busy, *self._idle) if worker.alive)

    async def ask(self, request: bytes, deadline: float) -> bytes:
        """Have one worker answer `request` within `deadline` seconds of its own time; waiting in line is not counted.

        Raises `WorkerGone`. The worker that failed is gone then, and the next request gets another.
        """
        async with self._slots:
            if self._closed:
                raise _stopped()
            worker = await self._take()
            self._busy.add(worker)
            try:
                return await worker.ask(request, deadline)
            except WorkerGone:
                if self._closed:
                    raise _stopped() from None
                raise
            finally:
                self._busy.discard(worker)
                if self._closed or self._once:
                    await worker.kill()
                elif worker.alive:
                    self._idle.append(worker)

    async def warm(self) -> None:
        """Start one worker, if there is none, so that the first request need not wait for it."""
        async with self._slots:
            if not self._idle and not self._closed:
                with contextlib.suppress(WorkerGone):  # The first request will say what is wrong.
                    self._idle.append(await self._take())

    async def close(self) -> None:
        """End every worker; those that are busy fail their requests."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(worker.stop() for worker in idle), *(worker.kill() for worker in self._busy))

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
        worker = await self._start()
        self.started += 1
        return worker


def _stopped() -> WorkerGone:
    return WorkerGone("unavailable", "the renderer has been stopped")
