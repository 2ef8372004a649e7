"""Objects that move from one unit to another: nobody removes what another unit of the same origin may be about to take.

A commit may take an object from one unit and give it to another. Who loses it learns of it first, perhaps: it waits
until every other unit of the same repository has planned for that repository's present revision. However long one
takes, that is no proof that it does not want the object.
"""

from __future__ import annotations

from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Unit
from trueup.engine.context import EngineContext

NAMED = 3


def units_behind(unit: Unit, context: EngineContext) -> tuple[Unit, ...]:
    """Give the other units of this one's repository that have not planned for its present revision yet."""
    found = (context.source_controller.state(one.ref) for one in unit.sources)
    specs = [own.declaration.spec for own in found if own is not None]
    behind: dict[ObjectRef, Unit] = {}
    for declaration in context.source_controller.declarations():
        if not any(declaration.spec.same_origin(spec) for spec in specs):
            continue
        source = context.source_controller.state(declaration.ref)
        if source is None or source.resolved is None:
            continue
        revision = str(source.resolved.revision)
        for ref in context.registry.by_source.units(declaration.ref):
            other = context.registry.get(ref)
            if other is None or ref == unit.ref or other.problems or other.deleting:
                continue
            runtime = context.runtime_of(ref)
            if runtime is not None and runtime.report is not None and runtime.report.phase is UnitPhase.OBSERVED:
                continue
            if runtime is None or runtime.moves.planned.get(declaration.ref) != revision:
                behind[ref] = other
    return tuple(behind[ref] for ref in sorted(behind))


def waiting_for(behind: tuple[Unit, ...], context: EngineContext) -> str:
    """Say which units are waited for, and why they have not planned yet."""
    names = []
    for unit in behind[:NAMED]:
        runtime = context.runtime_of(unit.ref)
        report = runtime.report if runtime is not None else None
        why = f" ({report.message})" if report is not None and report.phase is UnitPhase.FAILED else ""
        names.append(f"{unit.ref}{why}")
    more = f" and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    return (
        f"what Git no longer has here is removed when {', '.join(names)}{more} of the same repository, which may have "
        "been given it, can be planned; a sync by hand does not wait"
    )
