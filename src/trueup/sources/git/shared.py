"""One answer for all who ask the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Shared(Generic[V]):
    """Lets those who ask for the same at the same time share one answer."""

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._tasks: dict[Hashable, asyncio.Task[V]] = {}

    async def one(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> V:
        """Give what `work` gives, or what somebody else's under the same key is about to give."""
        task = self._tasks.get(key)
        if task is None:

            async def run() -> V:
                return await work()

            task = self._tasks[key] = asyncio.create_task(run())
            task.add_done_callback(lambda done: self._done(key, done))
        # Who asked first may give up; the others still want the answer.
        return await asyncio.shield(task)

    def _done(self, key: Hashable, task: asyncio.Task[V]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled():
            task.exception()
