"""How a sync ended: from the health of its objects to a verdict.

Pure: health, times (monotonic seconds) and limits in, a verdict out. A verdict is judged again on each event until it
is final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from trueup.core.health import Health, HealthStatus
from trueup.core.live import Live, Presence
from trueup.core.objects import ObjectRef

CONFIRM = 3.0
"""Seconds that an object must stay degraded before it counts: many are so for a moment while they start."""

HealthOf: TypeAlias = Callable[[ObjectRef], Live | Presence]


class Outcome(StrEnum):
    """Where a sync stands."""

    GOOD = "good"
    PENDING = "pending"
    SICK = "sick"


class Sick(msgspec.Struct, frozen=True):
    """An object that keeps a sync from being good, with its health."""

    ref: ObjectRef
    health: Health


class Verdict(msgspec.Struct, frozen=True):
    """The outcome, what is not healthy, and for a pending one the monotonic time at which to judge again."""

    outcome: Outcome
    sick: tuple[Sick, ...] = ()
    again_at: float = 0.0
    timed_out: bool = False

    @property
    def message(self) -> str:
        """Say what is not healthy, at most five objects by name."""
        shown = [
            f"{item.ref}: {item.health.status.value.lower()}"
            + (f", {item.health.message}" if item.health.message else "")
            for item in self.sick[:5]
        ]
        more = len(self.sick) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


_FINE = frozenset({HealthStatus.HEALTHY, HealthStatus.SUSPENDED})


def judge(
    gate: Iterable[ObjectRef],
    health_of: HealthOf,
    degraded_since: Callable[[ObjectRef], float | None],
    started: float,
    timeout: float,
    now: float,
) -> Verdict:
    """Judge the objects of `gate`.

    `degraded_since` gives the time from which an object has been degraded without a break. All healthy: good. One
    degraded for longer than `CONFIRM`, or the timeout over: sick. Otherwise pending. Where the cluster cannot be read
    nothing is known, and that makes no unit sick, however long it lasts.
    """
    waiting: list[Sick] = []
    failed: list[Sick] = []
    unread: set[ObjectRef] = set()
    again = started + timeout
    for ref in gate:
        seen = health_of(ref)
        if isinstance(seen, Presence):
            if seen is Presence.ABSENT:
                waiting.append(Sick(ref, Health(HealthStatus.MISSING, "it is not in the cluster")))
            else:
                waiting.append(Sick(ref, Health(HealthStatus.UNKNOWN, "the cluster could not be read")))
                unread.add(ref)
            continue
        status = seen.health.status
        if status in _FINE:
            continue
        if status is HealthStatus.DEGRADED:
            since = degraded_since(ref)
            if since is not None and now - since >= CONFIRM:
                failed.append(Sick(ref, seen.health))
                continue
            again = min(again, (now if since is None else since) + CONFIRM)
        waiting.append(Sick(ref, seen.health))
    if failed:
        return Verdict(Outcome.SICK, tuple(failed))
    if not waiting:
        return Verdict(Outcome.GOOD)
    if now >= started + timeout:
        if known := tuple(item for item in waiting if item.ref not in unread):
            return Verdict(Outcome.SICK, known, timed_out=True)
        again = now + CONFIRM
    return Verdict(Outcome.PENDING, tuple(waiting), again_at=max(again, now))
