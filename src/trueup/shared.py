"""One answer for all who ask the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(slots=True)
class _Asked(Generic[V]):
    """Work under way, and how many wait for what it gives."""

    task: asyncio.Task[V]
    waiting: int = 0


class Shared(Generic[V]):
    """Lets those who ask for the same at the same time share one answer. Work that nobody waits for is ended."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._asked: dict[Hashable, _Asked[V]] = {}

    async def one(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> V:
        """Give what `work` gives, or what somebody else's under the same key is about to give."""
        asked = self._asked.get(key)
        if asked is None:

            async def run() -> V:
                return await work()

            asked = self._asked[key] = _Asked(asyncio.create_task(run()))
            asked.task.add_done_callback(lambda done: self._done(key, done))
        asked.waiting += 1
        try:
            # Who asked first may give up; the others still want the answer.
            return await asyncio.shield(asked.task)
        finally:
            asked.waiting -= 1
            if not asked.waiting and not asked.task.done():
                asked.task.cancel()
                # Whoever asks now must not be given what was cancelled.
                self._forget(key, asked.task)

    def under_way(self) -> tuple[asyncio.Task[V], ...]:
        """Give the work that goes on at this moment."""
        return tuple(asked.task for asked in self._asked.values())

    def _done(self, key: Hashable, task: asyncio.Task[V]) -> None:
        self._forget(key, task)
        if not task.cancelled():
            task.exception()  # Seen here: whoever asked may be gone.

    def _forget(self, key: Hashable, task: asyncio.Task[V]) -> None:
        known = self._asked.get(key)
        if known is not None and known.task is task:
            del self._asked[key]
