"""Units that depend on each other return together, so that all of them stand at one consistent set of inputs.

A group is what a sick unit's change moved: the units of the same source that are joined to it by `dependsOn`, in either
direction and through others of the group, and that the same commit moved. They go back in the reverse of the order in
which they came: a unit waits until those of the group that depend on it have gone back. What another source moved is
not touched.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import GoodRevision, Held, UnitState
from trueup.core.rollback.revision_history import before


class Member(msgspec.Struct, frozen=True):
    """A unit as its group sees it: its source, what it depends on, and what is remembered of it."""

    source: ObjectRef
    depends_on: frozenset[ObjectRef]
    state: UnitState


def moved_with(state: UnitState, held: Held) -> bool:
    """Say whether a unit was moved by the change that is held back elsewhere.

    Either the same revision brought what it runs now, or it stood where the sick unit stood last and has moved since:
    units of one source see a commit at different moments, and may see the next one together with it.
    """
    good = state.good
    if good is None or not state.good_revisions or state.good_revisions[-1].inputs.digest != good.digest:
        return False
    earlier = before(state.good_revisions, good.digest)
    return state.good_revisions[-1].first == held.revision or (
        earlier is not None and bool(held.returned_to) and earlier.inputs.revision == held.returned_to
    )


def group_of(sick: ObjectRef, held: Held, members: Mapping[ObjectRef, Member]) -> frozenset[ObjectRef]:
    """Give the units that a sick one's change moved with it, without itself."""
    if sick not in members:
        return frozenset()
    dependents: dict[ObjectRef, set[ObjectRef]] = {}
    for ref, member in members.items():
        for dependency in member.depends_on:
            dependents.setdefault(dependency, set()).add(ref)
    found: set[ObjectRef] = {sick}
    ahead = [sick]
    while ahead:
        ref = ahead.pop()
        for other in {*members[ref].depends_on, *dependents.get(ref, ())} - found:
            mate = members.get(other)
            if mate is None or mate.source != members[sick].source:
                continue
            back = mate.state.held
            if (back is not None and back.because == sick) or (back is None and moved_with(mate.state, held)):
                found.add(other)
                ahead.append(other)
    return frozenset(found - {sick})


def awaited(unit: ObjectRef, group: frozenset[ObjectRef], members: Mapping[ObjectRef, Member]) -> ObjectRef | None:
    """Give a unit of the group that depends on this one and has not gone back yet; `None`: this one may go."""
    for other in sorted(group - {unit}):
        if unit in members[other].depends_on and not rolled_back(members[other].state):
            return other
    return None


def rolled_back(state: UnitState) -> bool:
    """Say whether a unit runs its last good inputs again."""
    if state.held is None or state.good is None or state.applied is None:
        return False
    return state.applied.digest == state.good.digest


def held_with(state: UnitState, sick: ObjectRef, held: Held, target: GoodRevision, spec: str, since: str) -> UnitState:
    """Give the state of a healthy unit that goes back because of a sick one of its group.

    `target` are the inputs it returns to, `spec` the digest of its own spec, `since` the time of day.
    """
    good = state.good
    assert good is not None
    reason = f"it came with the change that made {sick} unhealthy, and goes back with it"
    return msgspec.structs.replace(
        state,
        held=Held(
            inputs=good.digest,
            revision=good.revision,
            reason=reason,
            since=since,
            returned_to=target.inputs.revision,
            sync=held.sync,
            objects=good.objects,
            values=good.values,
            spec=spec,
            because=sick,
        ),
        good=target.inputs,
        good_revisions=tuple(item for item in state.good_revisions if item.inputs.digest != good.digest),
        failures=0,
        failed_inputs="",
    )
