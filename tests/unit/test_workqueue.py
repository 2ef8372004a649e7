"""Keys are worked on one by one, the urgent ones first and not held up by the others."""

from __future__ import annotations

import asyncio

from trueup.testing import quiesce
from trueup.workqueue import WorkQueue


class Handler:
    """Begins every key, and ends it when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    async def __call__(self, key: str) -> None:
        self.begun.append(key)
        await self.ends.setdefault(key, asyncio.Event()).wait()

    async def end(self, key: str) -> None:
        self.ends[key].set()
        await quiesce()


async def test_what_is_not_urgent_waits_beside_urgent_keys() -> None:
    handler = Handler()
    queue = WorkQueue("test", handler, 4, beside=1)
    for number in range(3):
        queue.add(f"later-{number}", urgent=False)
    queue.add("urgent")
    queue.start()
    await quiesce()
    assert handler.begun == ["urgent", "later-0"]
    await handler.end("later-0")
    assert handler.begun == ["urgent", "later-0", "later-1"], "one goes on beside it"
    await handler.end("urgent")
    assert handler.begun[-1] == "later-2"
    await handler.end("later-1")
    await handler.end("later-2")
    await queue.idle()
    await queue.stop()


async def test_without_a_bound_all_workers_are_used() -> None:
    handler = Handler()
    queue = WorkQueue("test", handler, 3)
    queue.add("urgent")
    for number in range(3):
        queue.add(f"later-{number}", urgent=False)
    queue.start()
    await quiesce()
    assert handler.begun == ["urgent", "later-0", "later-1"]
    await queue.stop()


async def test_a_key_that_becomes_urgent_while_it_waits_goes_at_once() -> None:
    handler = Handler()
    queue = WorkQueue("test", handler, 2, beside=0)
    queue.add("first")
    queue.add("second", urgent=False)
    queue.start()
    await quiesce()
    assert handler.begun == ["first"]
    queue.add("second")
    await quiesce()
    assert handler.begun == ["first", "second"]
    await queue.stop()


async def test_a_key_added_while_it_is_worked_on_is_worked_on_again() -> None:
    handler = Handler()
    queue = WorkQueue("test", handler, 2)
    queue.start()
    queue.add("a")
    await quiesce()
    queue.add("a")
    await quiesce()
    assert handler.begun == ["a"] and queue.busy
    await handler.end("a")
    assert handler.begun == ["a", "a"]
    await queue.idle()
    await queue.stop()
