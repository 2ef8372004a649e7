"""What was seen of a unit's objects during a sync: when each last came further, and since when it is in trouble."""

from __future__ import annotations

from dataclasses import dataclass, field

from trueup.core.health.status import HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import ObjectRef

STATES_KEPT = 500
"""States of one object that are known again; an object that has more of them has had its time."""


@dataclass(slots=True)
class _Object:
    """One object. `states` are all that were seen: only one that was not seen before is progress."""

    states: set[str] = field(default_factory=set)
    healthy: bool = False
    advanced: float = 0.0
    recovered: float = 0.0
    troubled: float | None = None


class Timeline:
    """The times of one unit's objects, in monotonic seconds."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._objects: dict[ObjectRef, _Object] = {}

    def begin(self) -> None:
        """A new sync begins: what was seen before counts for nothing."""
        self._objects.clear()

    def written(self, ref: ObjectRef) -> None:
        """An object was written: its trouble so far is not of what is in it now."""
        known = self._objects.get(ref)
        if known is not None:
            known.troubled = None

    def see(self, ref: ObjectRef, seen: Live | Presence, now: float) -> None:
        """Take note of an object's state."""
        if seen is Presence.UNKNOWN:
            return
        known = self._objects.get(ref)
        first = known is None
        if known is None:
            known = self._objects[ref] = _Object()
        if not isinstance(seen, Live):
            known.healthy, known.troubled = False, None
            return
        health = seen.health
        healthy = health.status in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)
        if healthy and not known.healthy and not first:
            known.recovered = now
        known.healthy = healthy
        state = f"{health.status}:{seen.progress or health.message}"
        if state not in known.states and len(known.states) < STATES_KEPT:
            known.states.add(state)
            if not first and (seen.progress or not health.troubled):
                known.advanced = now
        if not health.troubled:
            known.troubled = None
        elif known.troubled is None:
            known.troubled = now

    def troubled_since(self, ref: ObjectRef) -> float | None:
        """Give the time from which an object has been in trouble without a break; `None`: it is not."""
        known = self._objects.get(ref)
        return known.troubled if known else None

    def advanced_at(self, ref: ObjectRef) -> float:
        """Give the time at which an object last came further; 0 where it never did."""
        known = self._objects.get(ref)
        return known.advanced if known else 0.0

    @property
    def advanced(self) -> float:
        """The time at which any object last came further; 0 where none did."""
        return max((known.advanced for known in self._objects.values()), default=0.0)

    def others_recovered_at(self, ref: ObjectRef) -> float:
        """Give the time at which another object last became healthy; 0 where none did."""
        return max((known.recovered for other, known in self._objects.items() if other != ref), default=0.0)
