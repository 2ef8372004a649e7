"""A clock that stands still, and a fence that a test opens and shuts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from trueup.core.ports import Fenced


class FakeClock:
    """A clock that moves only by `advance`."""

    def __init__(self) -> None:
        """Start at second 1000 of a Monday."""
        self.seconds = 1000.0

    def now(self) -> float:
        """Give monotonic seconds."""
        return self.seconds

    def wall(self) -> datetime:
        """Give the time of day."""
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


class FakeFence:
    """A lease that is held until it is told otherwise."""

    def __init__(self) -> None:
        """Start with the lease held."""
        self.open = True

    def check(self) -> None:
        """Raise `Fenced` where the lease is not held."""
        if not self.open:
            raise Fenced("the lease is not held")


async def quiesce(rounds: int = 50) -> None:
    """Let every task that can go on do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)
