"""What takes long waits for what takes long, and holds up nobody else."""

from __future__ import annotations

import asyncio

import pytest

from trueup.render.lanes import SLOW_UNITS, WAITING, RenderLanes
from trueup.render.process import WorkerGone


class Pool:
    """A pool of one worker whose answers take as long as the request says, in a time that is only counted."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.asked: list[tuple[bytes, float]] = []
        self.gate = gate

    pids = (1,)

    async def ask(self, request: bytes, deadline: float) -> bytes:
        self.asked.append((request, deadline))
        if self.gate is not None:
            await self.gate.wait()
        if float(request) > deadline:
            raise WorkerGone("deadline", "it took longer")
        return request


def lanes(quick: Pool, slow: Pool) -> RenderLanes:
    return RenderLanes(quick, slow, 10.0)  # type: ignore[arg-type]


async def test_what_is_quick_never_sees_the_slow_lane() -> None:
    quick, slow = Pool(), Pool()
    assert await lanes(quick, slow).ask(b"1", 60.0, "unit", "team") == b"1"
    assert quick.asked == [(b"1", 10.0)] and slow.asked == []


async def test_what_takes_long_begins_anew_with_its_whole_deadline_and_next_time_at_once() -> None:
    quick, slow = Pool(), Pool()
    both = lanes(quick, slow)
    for _ in range(2):
        assert await both.ask(b"40", 60.0, "heavy", "team") == b"40"
    assert quick.asked == [(b"40", 10.0)] and slow.asked == [(b"40", 60.0)] * 2
    assert await both.ask(b"1", 60.0, "other", "team") == b"1"
    assert quick.asked[-1] == (b"1", 10.0), "one slow unit is no reason to put its neighbours off"


async def test_a_tenant_with_several_slow_units_waits_for_them() -> None:
    quick, slow = Pool(), Pool()
    both = lanes(quick, slow)
    for number in range(SLOW_UNITS):
        await both.ask(b"40", 60.0, f"heavy-{number}", "team")
    await both.ask(b"1", 60.0, "new", "team")
    assert slow.asked[-1] == (b"1", 60.0)
    await both.ask(b"1", 60.0, "new", "others")
    assert quick.asked[-1] == (b"1", 10.0) and len(quick.asked) == SLOW_UNITS + 1


async def test_what_is_over_its_own_deadline_says_so() -> None:
    both = lanes(Pool(), Pool())
    with pytest.raises(WorkerGone) as caught:
        await both.ask(b"100", 60.0, "unit", "team")
    assert caught.value.code == "deadline"
    with pytest.raises(WorkerGone):
        await both.ask(b"9", 5.0, "short", "team")


async def test_no_more_than_so_many_wait() -> None:
    gate = asyncio.Event()
    quick, slow = Pool(), Pool(gate)
    both = lanes(quick, slow)
    waiting = [asyncio.create_task(both.ask(b"40", 60.0, f"unit-{n}", f"team-{n}")) for n in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(WorkerGone) as caught:
        await both.ask(b"40", 60.0, "one-more", "team")
    assert caught.value.code == "busy"
    assert await both.ask(b"1", 60.0, "quick", "others") == b"1"
    gate.set()
    assert await asyncio.gather(*waiting) == [b"40"] * WAITING
