"""The circuit breaker: which units are sick at the same time, so that a lost node is not taken for a bad commit.

It knows what this process has seen. After a restart every unit is looked at again, and those that are not healthy count
from then on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from trueup.core.objects import ObjectRef
from trueup.core.rollback import BREAKER_WINDOW


@dataclass(slots=True)
class _Episode:
    """One unit's sickness: from when (monotonic seconds), whether a change of its own began it, and until when."""

    began: float
    changed: bool
    ended: float = 0.0


class Breaker:
    """Counts units that sicken together. Times are monotonic seconds."""

    def __init__(self) -> None:
        """Start with every unit well."""
        self._episodes: dict[ObjectRef, _Episode] = {}

    def sickened(self, unit: ObjectRef, now: float, *, changed: bool) -> None:
        """Take note that a unit is not healthy; `changed`: since a change of its own, otherwise without one."""
        known = self._episodes.get(unit)
        if known is None or known.ended:
            self._episodes[unit] = _Episode(now, changed)
        elif changed and not known.changed:
            known.changed = True

    def recovered(self, unit: ObjectRef, now: float) -> None:
        """Take note that a unit is healthy."""
        known = self._episodes.get(unit)
        if known is None:
            return
        known.ended = known.ended or now
        if not known.changed or now - known.began > BREAKER_WINDOW:
            # What came and went by itself (a roll, a restarted pod) tells nothing afterwards.
            del self._episodes[unit]

    @property
    def sick(self) -> int:
        """How many units are sick now."""
        return sum(1 for episode in self._episodes.values() if not episode.ended)

    def forget(self, unit: ObjectRef) -> None:
        """Let go of a unit that is gone."""
        self._episodes.pop(unit, None)

    def together(self, unit: ObjectRef, since: float, now: float, explained: Collection[ObjectRef] = ()) -> int:
        """Count the units, this one among them, that sickened with one whose change began at `since`.

        Those count that sickened within the window, and those that have been sick ever since the change or somewhat
        before. `explained` are units whose sickness this one's own would explain: they do not count.
        """
        count = 1
        for other, episode in self._episodes.items():
            if other == unit or other in explained:
                continue
            lately = now - episode.began <= BREAKER_WINDOW
            lasting = not episode.ended and episode.began >= since - BREAKER_WINDOW
            count += lately or lasting
        return count
