"""The circuit breaker: which units are sick at the same time, so that a lost node is not taken for a bad commit.

It knows what this process has seen. After a restart every unit is reconciled again, and those that are not healthy
count from then on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.rollback.decision import BREAKER_WINDOW


class Sickness(msgspec.Struct, frozen=True):
    """How a unit is unhealthy: since when (monotonic seconds), and whether a change of its own began it.

    `commit` is the one that the change came with. `degraded`: an object of it has failed; otherwise it only waits, as
    everything does that was on a lost node.
    """

    began: float
    changed: bool
    commit: str = ""
    degraded: bool = False


@dataclass(slots=True)
class _Episode:
    """One unit's sickness, and until when it lasted."""

    what: Sickness
    ended: float = 0.0


class Breaker:
    """Counts units that sicken together. Times are monotonic seconds."""

    def __init__(self) -> None:
        """Start with every unit well."""
        self._episodes: dict[ObjectRef, _Episode] = {}

    def sickened(self, unit: ObjectRef, found: Sickness) -> None:
        """Take note that a unit is not healthy."""
        known = self._episodes.get(unit)
        if known is None or known.ended:
            self._episodes[unit] = _Episode(found)
        elif found.changed:
            known.what = msgspec.structs.replace(found, began=min(found.began, known.what.began))

    def recovered(self, unit: ObjectRef, now: float) -> None:
        """Take note that a unit is healthy."""
        known = self._episodes.get(unit)
        if known is None:
            return
        known.ended = known.ended or now
        if not known.what.changed or now - known.what.began > BREAKER_WINDOW:
            # What came and went by itself (a roll, a restarted pod) tells nothing afterwards.
            del self._episodes[unit]

    @property
    def sick(self) -> int:
        """How many units are sick now."""
        return sum(1 for episode in self._episodes.values() if not episode.ended)

    def forget(self, unit: ObjectRef) -> None:
        """Let go of a unit that is gone."""
        self._episodes.pop(unit, None)

    def together(
        self,
        unit: ObjectRef,
        since: float,
        now: float,
        explained: Collection[ObjectRef] = (),
        commit: str = "",
    ) -> int:
        """Count the units, this one among them, that sickened with one whose change began at `since`.

        Those count that sickened lately, or have been sick to this day, since the change or within the window before
        it. What had failed before the change counts for nothing. `explained` are units whose sickness this one's own
        would explain, and what the same `commit` changed is explained by it: they do not count.
        """
        count = 1
        for other, episode in self._episodes.items():
            what = episode.what
            same_commit = what.changed and commit and what.commit == commit
            earliest = since if what.degraded else since - BREAKER_WINDOW
            if other == unit or other in explained or same_commit or what.began < earliest:
                continue
            count += now - what.began <= BREAKER_WINDOW or not episode.ended
        return count
