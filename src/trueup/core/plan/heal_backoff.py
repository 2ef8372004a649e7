"""When to heal an object that somebody changes again and again.

The first heals come at once. An object that keeps being changed back is healed with growing pauses and counts as
contested, so that two controllers never race each other at full speed.
"""

from __future__ import annotations

import msgspec

FREE_HEALS = 3
"""So many heals within the window come without a pause."""

WINDOW = 300.0
"""Seconds after which a heal is forgotten."""

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0


class HealLog(msgspec.Struct, frozen=True):
    """When one object was healed lately (monotonic seconds, rising), and by whose fields the last time."""

    times: tuple[float, ...] = ()
    others: tuple[str, ...] = ()

    def healed(self, now: float, others: tuple[str, ...] = ()) -> HealLog:
        """Give the log with one more heal, and what is older than the window forgotten.

        `others` says who had changed which fields, as far as that is known.
        """
        return HealLog((*(time for time in self.times if now - time < WINDOW), now), others or self.others)

    @property
    def words(self) -> str:
        """Say who keeps changing the object."""
        return "somebody keeps changing it back" + (f": {'; '.join(self.others)}" if self.others else "")

    def wait(self, now: float) -> float:
        """Give the seconds to wait before the next heal; 0 for at once."""
        recent = [time for time in self.times if now - time < WINDOW]
        surplus = len(recent) - FREE_HEALS
        if surplus < 0:
            return 0.0
        pause = min(FIRST_PAUSE * 2.0 ** min(surplus, 16), LONGEST_PAUSE)
        return max(0.0, recent[-1] + pause - now)

    def contested(self, now: float) -> bool:
        """Say whether somebody is fighting over the object."""
        return sum(1 for time in self.times if now - time < WINDOW) >= FREE_HEALS
