"""Turns by tenant: whoever has much to be done waits in a line of their own, and delays nobody else.

Whose work is done at the moment is known to all that is called meanwhile, by `TENANT`. The work queue sets it; what is
bounded further down (requests to the API server, renders) takes those who wait in turn by it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

T = TypeVar("T")

TENANT: ContextVar[str] = ContextVar("tenant", default="")
"""Whose work is done: a namespace and a project (`Unit.tenant`), empty where it is the controller's own."""


class FairLine(Generic[T]):
    """A line for each tenant; the next is taken from one after the other."""

    def __init__(self) -> None:
        """Start empty."""
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Count all who wait."""
        return self._count

    def add(self, tenant: str, item: T) -> None:
        """Put an item at the end of its tenant's line."""
        self._lines.setdefault(tenant, deque()).append(item)
        self._count += 1

    def take(self, may: Callable[[str], bool] = lambda tenant: True) -> T | None:
        """Take the next item, of the tenant whose turn it is among those that `may`; `None` where there is none."""
        tenant = next((tenant for tenant in self._lines if may(tenant)), None)
        if tenant is None:
            return None
        item = self._taken(tenant)
        if tenant in self._lines:
            self._lines.move_to_end(tenant)
        return item

    def shorten(self) -> T:
        """Take the oldest item of the tenant that has most of them."""
        return self._taken(max(self._lines, key=lambda tenant: len(self._lines[tenant])))

    def _taken(self, tenant: str) -> T:
        line = self._lines[tenant]
        item = line.popleft()
        self._count -= 1
        if not line:
            del self._lines[tenant]
        return item


class FairSlots:
    """Lets so many in at once, and the tenants of those who wait by turns. Use it as an async context manager."""

    def __init__(self, size: int) -> None:
        """Take how many may be in at once."""
        self._free = size
        self._waiting: FairLine[asyncio.Future[None]] = FairLine()

    async def __aenter__(self) -> None:
        """Wait for a slot."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(TENANT.get(), turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        """Give the slot to the next."""
        self._leave()

    def _leave(self) -> None:
        while (turn := self._waiting.take()) is not None:
            # Who was cancelled waits no more.
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class FairQueue(Generic[T]):
    """A bounded queue from which tenants are served by turns; where it is full, who has most gives up their oldest."""

    def __init__(self, bound: int) -> None:
        """Take how many items may wait."""
        self._bound = bound
        self._line: FairLine[T] = FairLine()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """Count the items."""
        return len(self._line)

    def put(self, tenant: str, item: T) -> T | None:
        """Add an item; gives the one that had to go for it, which may be the same."""
        self._line.add(tenant, item)
        self._arrived.set()
        return self._line.shorten() if len(self._line) > self._bound else None

    async def get(self) -> T:
        """Take the next item, once there is one."""
        while (item := self._line.take()) is None:
            self._arrived.clear()
            await self._arrived.wait()
        return item
