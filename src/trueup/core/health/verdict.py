"""How a sync ended: from the health of its objects to a verdict.

Pure: health, times (monotonic seconds) and limits in, a verdict out. A verdict is judged again on each event until it
is final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

import msgspec

from trueup.core.health.status import Health, HealthStatus, Proof
from trueup.core.health.table import outward, tentative
from trueup.core.health.timeline import Timeline
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import ObjectRef

CONFIRM = 3.0
"""Seconds that certain trouble must last before it counts: many objects are in it for a moment while they start."""

LIKELY_AFTER = 60.0
"""Seconds that likely trouble must last before it counts."""

JOB_PATIENCE = 3600.0
"""Seconds for which a Job that runs stops the clock. One that names a deadline of its own fails by that."""

JOB = ("batch", "Job")

HealthOf: TypeAlias = Callable[[ObjectRef], Live | Presence]


class Outcome(StrEnum):
    """Where a sync stands."""

    GOOD = "good"
    PENDING = "pending"
    SICK = "sick"


class Sick(msgspec.Struct, frozen=True):
    """An object that keeps a sync from being good, with its health. `before`: it was so before the sync as well."""

    ref: ObjectRef
    health: Health
    before: bool = False


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


class Clock(msgspec.Struct, frozen=True):
    """The time now, when the sync began, and how many seconds it may take without coming further."""

    now: float
    started: float
    timeout: float


_FINE = frozenset({HealthStatus.HEALTHY, HealthStatus.SUSPENDED})


def judge(
    gate: Iterable[ObjectRef],
    health_of: HealthOf,
    timeline: Timeline,
    clock: Clock,
    before: Mapping[ObjectRef, str] = {},
) -> Verdict:
    """Judge the objects of `gate`; `timeline` has seen them as they are now.

    All healthy: good. One whose trouble has lasted for as long as its kind of proof asks, or nothing having come
    further for the timeout: sick. Otherwise pending. `before` has the words of what was in trouble before the sync,
    unchanged: it proves nothing about the sync. Where the cluster cannot be read nothing is known, and that makes no
    unit sick, however long it lasts.
    """
    waiting: list[Sick] = []
    troubled: list[Sick] = []
    unread: list[Sick] = []
    for ref in gate:
        seen = health_of(ref)
        if seen is Presence.UNKNOWN:
            unread.append(Sick(ref, Health(HealthStatus.UNKNOWN, "the cluster could not be read")))
        elif isinstance(seen, Presence):
            waiting.append(Sick(ref, Health(HealthStatus.MISSING, "it is not in the cluster")))
        elif seen.health.status in _FINE or (seen.health.status is HealthStatus.DEGRADED and outward(ref)):
            continue
        elif seen.health.troubled:
            troubled.append(Sick(ref, seen.health, before=before.get(ref) == seen.health.message))
        else:
            waiting.append(Sick(ref, seen.health))
    due = {item.ref: _counts_at(item, timeline, clock, others=bool(waiting)) for item in troubled}
    failed = tuple(item for item in troubled if clock.now >= due[item.ref])
    if failed:
        return Verdict(Outcome.SICK, failed)
    known = (*troubled, *waiting)
    if not known and not unread:
        return Verdict(Outcome.GOOD)
    over = max(clock.started, timeline.advanced) + clock.timeout
    if _runs(waiting):
        over = max(over, clock.started + JOB_PATIENCE)
    if known and clock.now >= over:
        return Verdict(Outcome.SICK, known, timed_out=True)
    if not known:
        over = clock.now + CONFIRM
    return Verdict(Outcome.PENDING, (*known, *unread), again_at=max(min([over, *due.values()]), clock.now))


def _counts_at(item: Sick, timeline: Timeline, clock: Clock, *, others: bool) -> float:
    """Give the time from which an object's trouble makes the sync sick. `others`: other objects are on their way."""
    if item.before:
        return float("inf")
    since = timeline.troubled_since(item.ref)
    begun = max(clock.now if since is None else since, timeline.advanced_at(item.ref))
    proof = item.health.proof
    if proof is not Proof.STATED and tentative(item.ref):
        proof = Proof.LIKELY
    if proof is Proof.LIKELY:
        return begun + LIKELY_AFTER
    if proof is Proof.CRASHING:
        if others:
            return float("inf")
        recovered = timeline.others_recovered_at(item.ref)
        # What it needs may have been among the others: it is given the time to start once more.
        return max(begun + CONFIRM, recovered + LIKELY_AFTER if recovered else 0.0)
    return begun + CONFIRM


def _runs(waiting: Iterable[Sick]) -> bool:
    return any(
        (item.ref.group, item.ref.kind) == JOB and item.health.status is HealthStatus.PROGRESSING for item in waiting
    )
