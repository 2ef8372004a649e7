"""Going back together: a healthy unit joins the return of a sick one of its group, and leaves it when that is over."""

from __future__ import annotations

import msgspec

from trueup.core.group import Member, awaited, group_of, held_with
from trueup.core.objects import ObjectRef
from trueup.core.past import before
from trueup.core.rollback import policy_of
from trueup.core.state import Held
from trueup.core.unit import ReturnPolicy, Unit
from trueup.engine.attempts import wall
from trueup.engine.run import Parts, Run
from trueup.engine.steps.foreseeing import foresee
from trueup.engine.steps.writing import store


async def join(run: Run, parts: Parts) -> None:
    """Join a return, or leave one whose unit is held back no longer."""
    state, memory = run.state, run.memory
    if state.held is not None:
        if state.held.because is not None and _over(state.held.because, parts):
            memory.state = msgspec.structs.replace(state, held=None)
            memory.unstored = memory.unstored or run.now
            run.store_now = True
        return
    if state.pin is not None or state.attempt is not None or run.operation is not None or not parts.culprits:
        memory.stays_behind = ""
        return
    for culprit in sorted(parts.culprits):
        sick = parts.registry.get(culprit)
        if sick is None or sick.source != run.unit.source or sick.ref == run.unit.ref:
            continue
        held = _held(culprit, parts)
        if held is not None and await _joined(run, parts, sick, held):
            return


async def _joined(run: Run, parts: Parts, sick: Unit, held: Held) -> bool:
    """Go back with a sick unit if this one belongs to its group and nothing stands in the way."""
    members = _members(run, parts)
    group = group_of(sick.ref, held, members)
    unit, memory, state = run.unit, run.memory, run.state
    if unit.ref not in group or state.good is None:
        return False
    target = before(state.past, state.good.digest)
    if (later := awaited(unit.ref, group | {sick.ref}, members)) is not None:
        memory.stays_behind = f"it goes back with {sick.ref} when {later}, which depends on it, has"
        return False
    if target is None:
        memory.stays_behind = f"it came with the change that made {sick.ref} unhealthy, and has nothing to go back to"
        return False
    policy = policy_of(unit, state)
    if policy is not ReturnPolicy.AUTO:
        memory.stays_behind = f"it does not go back with {sick.ref}, because its rollback policy is {policy.value!r}"
        return False
    known = f"{sick.ref} {held.inputs} {state.good.digest}"
    if memory.obstructed == known:
        return False
    if found := await foresee(run, parts, target.inputs):
        memory.obstructed = known
        words = "; ".join(item.message for item in found[:3])
        memory.stays_behind = f"it does not go back with {sick.ref}, because {words}"
        return False
    memory.stays_behind = ""
    now = wall(parts.clock.wall())
    await store(run, parts, held_with(state, sick.ref, held, target, unit.spec_digest, now))
    return True


def _members(run: Run, parts: Parts) -> dict[ObjectRef, Member]:
    """Give all units of this one's source that are known, as their groups see them."""
    found = {}
    for ref in parts.registry.by_source.units(run.unit.source):
        other, memory = parts.registry.get(ref), parts.memory_of(ref)
        if other is not None and memory is not None and memory.loaded:
            found[ref] = Member(other.source, frozenset(item.ref for item in other.depends_on), memory.state)
    return found


def _held(ref: ObjectRef, parts: Parts) -> Held | None:
    memory = parts.memory_of(ref)
    return memory.state.held if memory is not None and memory.loaded else None


def _over(sick: ObjectRef, parts: Parts) -> bool:
    """Say whether the unit for whose sake this one went back is gone, or tries something else."""
    if parts.registry.get(sick) is None:
        return True
    memory = parts.memory_of(sick)
    return memory is not None and memory.loaded and (memory.state.held is None or memory.ahead)
