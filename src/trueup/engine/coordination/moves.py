"""Objects that move from one unit to another: nobody removes what another unit of the same origin may be about to take.

A commit may take an object from one unit and give it to another. Who loses it learns of it first, perhaps: it waits
until every other unit of the same repository has planned for that repository's present revision. However long one
takes, that is no proof that it does not want the object.
"""

from __future__ import annotations

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Unit
from trueup.engine.context import EngineContext
from trueup.engine.source_controller import SourceState

NAMED = 3


class Behind(msgspec.Struct, frozen=True):
    """Units that have not planned for the present revision yet: some of them, and about how many more there are."""

    named: tuple[Unit, ...]
    more: int = 0


def units_behind(unit: Unit, context: EngineContext) -> Behind | None:
    """Give the other units of this one's repository that have not planned for its present revision yet.

    `None` where there are none. What it costs does not grow with the units that have planned.
    """
    named: list[Unit] = []
    left = 0
    for source, revision in _of_the_same_origin(unit, context).items():
        behind = context.planned.behind(source, revision, context.registry)
        left += len(behind)
        for ref in behind:
            if len(named) > NAMED:
                break
            other = context.registry.get(ref)
            counted = ref == unit.ref or any(one.ref == ref for one in named)
            if other is None or counted or not _will_plan(other, context):
                left -= 1
                continue
            named.append(other)
    if not named:
        return None
    return Behind(tuple(sorted(named[:NAMED], key=lambda one: one.ref)), max(left - NAMED, len(named) - NAMED, 0))


def _of_the_same_origin(unit: Unit, context: EngineContext) -> dict[ObjectRef, str]:
    """Give the sources that follow a repository which the unit's sources follow, with the revision that counts.

    That is each one's present revision. One that follows the same branch has the unit's own before long, and its units
    plan for that: it has not been polled yet, cannot be reached, or is suspended.
    """
    found: dict[ObjectRef, str] = {}
    for one in unit.sources:
        mine = context.source_controller.state(one.ref)
        if mine is None:
            continue
        for other in context.source_controller.of_the_same_origin(one.ref):
            state = context.source_controller.state(other)
            resolved = mine.resolved if state is not None and _comes_to_the_same(mine, state) else None
            resolved = resolved or (state.resolved if state is not None else None)
            if resolved is not None:
                found[other] = str(resolved.revision)
    return found


def _comes_to_the_same(mine: SourceState, other: SourceState) -> bool:
    """Say whether a source follows the branch that the unit's own follows, or may do so, which time will tell."""
    if other.resolved is None:
        return other.error is None or not other.error.stalled
    name = mine.resolved.revision.name if mine.resolved is not None else ""
    return bool(name) and other.resolved.revision.name == name


def _will_plan(unit: Unit, context: EngineContext) -> bool:
    """Say whether a unit is one that Trueup works on: sooner or later it plans, and what it wants is known then."""
    if unit.problems or unit.deleting:
        return False
    runtime = context.runtime_of(unit.ref)
    return runtime is None or runtime.report is None or runtime.report.phase is not UnitPhase.OBSERVED


def has_all_it_takes(unit: ObjectRef, context: EngineContext) -> bool:
    """Say whether a unit is done with the present revision: what it wants and has not written, it leaves alone."""
    runtime = context.runtime_of(unit)
    if runtime is None:
        return True
    readiness = runtime.readiness
    return readiness.ready and readiness.revisions == context.planned.of(unit)


def waiting_for(behind: Behind, context: EngineContext) -> str:
    """Say which units are waited for, and why they have not planned yet."""
    names = []
    for unit in behind.named:
        why = _why_not_yet(unit, context)
        names.append(f"{unit.ref} ({why})" if why else str(unit.ref))
    more = f" and {behind.more} more" if behind.more else ""
    return (
        f"what Git no longer has here is removed when {', '.join(names)}{more} of the same repository, which may have "
        "been given it, can be planned; a sync by hand does not wait"
    )


def _why_not_yet(unit: Unit, context: EngineContext) -> str:
    """Say why a unit cannot be planned, as far as anything stands in its way."""
    for one in unit.sources:
        state = context.source_controller.state(one.ref)
        if state is not None and state.declaration.suspended:
            return f"{one.ref} is suspended"
        if state is not None and state.error is not None:
            return f"{one.ref}: {state.error}"
    runtime = context.runtime_of(unit.ref)
    report = runtime.report if runtime is not None else None
    return report.message if report is not None and report.phase is UnitPhase.FAILED else ""
