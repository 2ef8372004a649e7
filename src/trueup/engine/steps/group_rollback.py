"""Going back together: a healthy unit joins the return of a sick one of its group, and leaves it when that is over."""

from __future__ import annotations

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import Held
from trueup.core.model.unit import ReturnPolicy, Unit
from trueup.core.rollback.decision import policy_of
from trueup.core.rollback.group import Member, awaited, group_of, held_with
from trueup.core.rollback.revision_history import before
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.records.attempts import wall
from trueup.engine.rollback.preflight import rollback_preflight
from trueup.engine.state import change, store


async def join_group_rollback(run: Reconciliation, context: EngineContext) -> None:
    """Join a return, or leave one whose unit is held back no longer."""
    state, runtime = run.state, run.runtime
    if state.held is not None:
        if state.held.because is not None and _over(state.held.because, context):
            change(run, msgspec.structs.replace(state, held=None), soon=True)
        return
    if state.pin is not None or state.attempt is not None or run.operation is not None or not context.unhealthy:
        runtime.rollback.stays_behind = ""
        return
    for unhealthy_unit in sorted(context.unhealthy):
        sick = context.registry.get(unhealthy_unit)
        if sick is None or sick.ref == run.unit.ref or not sick.shares_source(run.unit):
            continue
        held = _held(unhealthy_unit, context)
        if held is not None and await _joined(run, context, sick, held):
            return


async def _joined(run: Reconciliation, context: EngineContext, sick: Unit, held: Held) -> bool:
    """Go back with a sick unit if this one belongs to its group and nothing stands in the way."""
    members = _members(run, context)
    group = group_of(sick.ref, held, members)
    unit, rollback, state = run.unit, run.runtime.rollback, run.state
    if unit.ref not in group or state.good is None:
        return False
    target = before(state.good_revisions, state.good.digest)
    if (later := awaited(unit.ref, group | {sick.ref}, members)) is not None:
        rollback.stays_behind = f"it goes back with {sick.ref} when {later}, which depends on it, has"
        return False
    if target is None:
        rollback.stays_behind = f"it came with the change that made {sick.ref} unhealthy, and has nothing to go back to"
        return False
    policy = policy_of(unit, state)
    if policy is not ReturnPolicy.AUTO:
        rollback.stays_behind = f"it does not go back with {sick.ref}, because its rollback policy is {policy.value!r}"
        return False
    known = f"{sick.ref} {held.inputs} {state.good.digest}"
    if rollback.obstructed == known:
        return False
    if found := await rollback_preflight(run, context, target.inputs):
        rollback.obstructed = known
        words = "; ".join(item.message for item in found[:3])
        rollback.stays_behind = f"it does not go back with {sick.ref}, because {words}"
        return False
    rollback.stays_behind = ""
    now = wall(context.clock.wall())
    await store(run, context, held_with(state, sick.ref, held, target, unit.spec_digest, now))
    return True


def _members(run: Reconciliation, context: EngineContext) -> dict[ObjectRef, Member]:
    """Give all units of this one's source that are known, as their groups see them."""
    found = {}
    units = {ref for one in run.unit.sources for ref in context.registry.by_source.units(one.ref)}
    for ref in units:
        other, runtime = context.registry.get(ref), context.runtime_of(ref)
        if other is not None and runtime is not None and runtime.loaded:
            found[ref] = Member(other.source, frozenset(item.ref for item in other.depends_on), runtime.state)
    return found


def _held(ref: ObjectRef, context: EngineContext) -> Held | None:
    runtime = context.runtime_of(ref)
    return runtime.state.held if runtime is not None and runtime.loaded else None


def _over(sick: ObjectRef, context: EngineContext) -> bool:
    """Say whether the unit for whose sake this one went back is gone, or tries something else."""
    if context.registry.get(sick) is None:
        return True
    runtime = context.runtime_of(sick)
    return runtime is not None and runtime.loaded and (runtime.state.held is None or runtime.rollback.ahead)
