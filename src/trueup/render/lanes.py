"""Renders in two lanes, so that what takes long holds up only what takes long.

Every render begins in the quick lane. One that is not over there within some seconds is ended and begun anew in the
slow lane, with its whole deadline; for a while the renders of the same unit begin there at once, and all of its
tenant's where several of these were slow. So whoever makes renders cost time waits for them in line, and everybody else
finds a free worker.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict

from trueup.render.pool import WorkerPool
from trueup.render.process import WorkerGone

QUICK_SECONDS = 10.0
SLOW_FOR = 600.0
"""Seconds for which a unit's renders begin in the slow lane after one of them took long."""

SLOW_UNITS = 3
"""Slow units of a tenant from which all of its renders begin in the slow lane."""

WAITING = 16
"""Renders that may wait for the slow lane; a further one is put off, so that no more of the engine waits with it."""

WAITING_OF_ONE = 6
"""Those of them that may be one tenant's."""

TENANTS_KEPT = 10_000


class RenderLanes:
    """Two pools of workers, and who has lately been slow."""

    def __init__(self, quick: WorkerPool, slow: WorkerPool, quick_seconds: float = QUICK_SECONDS) -> None:
        """Take the pools; neither has started a worker yet."""
        self._quick = quick
        self._slow = slow
        self._quick_seconds = quick_seconds
        self._slow_until: OrderedDict[str, dict[str, float]] = OrderedDict()
        self._waiting: Counter[str] = Counter()

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that run now."""
        return (*self._quick.pids, *self._slow.pids)

    async def ask(self, request: bytes, deadline: float, unit: str, tenant: str) -> bytes:
        """Have a worker answer within so many seconds of its own time. Raises `WorkerGone`."""
        if not self._is_slow(unit, tenant):
            try:
                return await self._quick.ask(request, min(deadline, self._quick_seconds))
            except WorkerGone as gone:
                if gone.code != "deadline" or deadline <= self._quick_seconds:
                    raise
            self._slow_until.setdefault(tenant, {})[unit] = time.monotonic() + SLOW_FOR
            self._slow_until.move_to_end(tenant)
            while len(self._slow_until) > TENANTS_KEPT:
                self._slow_until.popitem(last=False)
        if self._waiting.total() >= WAITING or self._waiting[tenant] >= WAITING_OF_ONE:
            raise WorkerGone("busy", "too many renders that take long wait before it; it is tried again")
        self._waiting[tenant] += 1
        try:
            return await self._slow.ask(request, deadline)
        finally:
            self._waiting[tenant] -= 1
            if not self._waiting[tenant]:
                del self._waiting[tenant]

    def _is_slow(self, unit: str, tenant: str) -> bool:
        units = self._slow_until.get(tenant)
        if units is None:
            return False
        now = time.monotonic()
        for name in [name for name, until in units.items() if until <= now]:
            del units[name]
        return unit in units or len(units) >= SLOW_UNITS

    async def warm(self) -> None:
        """Start one quick worker, so that the first request need not wait for it."""
        await self._quick.warm()

    async def close(self) -> None:
        """End every worker."""
        await self._quick.close()
        await self._slow.close()
