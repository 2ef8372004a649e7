"""A group is what one change moved of the units that are tied to the sick one, and it goes back dependents first."""

from __future__ import annotations

from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import GoodRevision, Held, Inputs, UnitState
from trueup.core.rollback.group import Member, awaited, group_of, held_with, moved_with, rolled_back
from trueup.core.rollback.revision_history import before, with_good

SOURCE, OTHER = (ObjectRef("source", "Repository", "x", name) for name in ("one", "two"))
A, B, C, D = (ObjectRef("unit", "Unit", "x", name) for name in "abcd")
OLD, NEW = "main@sha1:1", "main@sha1:2"
HELD = Held("bad", NEW, "crash", "2026-01-01T00:00:00Z", returned_to=OLD, sync="s")


def past(*items: tuple[str, str]) -> tuple[GoodRevision, ...]:
    found: tuple[GoodRevision, ...] = ()
    for number, (digest, revision) in enumerate(items):
        found = with_good(found, Inputs(digest, revision), number, "", "")
    return found


def state(*items: tuple[str, str]) -> UnitState:
    found = past(*items)
    return UnitState(good=found[-1].inputs, applied=found[-1].inputs, good_revisions=found)


MOVED = state(("a1", OLD), ("a2", NEW))
UNMOVED = state(("a1", OLD))
SICK = UnitState(good=Inputs("s1", OLD), applied=Inputs("s1", OLD), held=HELD)


def member(given: UnitState, *depends_on: ObjectRef, source: ObjectRef = SOURCE) -> Member:
    return Member(source, frozenset(depends_on), given)


def test_a_unit_has_moved_with_the_revision_or_from_the_standing_that_it_shared() -> None:
    assert moved_with(MOVED, HELD)
    assert moved_with(state(("a1", OLD), ("a2", "main@sha1:between")), HELD), "it left where the sick one stood last"
    assert not moved_with(UNMOVED, HELD)
    assert not moved_with(state(("a1", "main@sha1:0"), ("a2", OLD)), HELD)
    assert not moved_with(UnitState(), HELD)


def test_the_group_reaches_both_ways_but_not_through_what_did_not_move_nor_to_another_source() -> None:
    members = {A: member(MOVED), B: member(SICK, A), C: member(MOVED, B)}
    assert group_of(B, HELD, members) == {A, C}
    members = {A: member(UNMOVED), B: member(SICK, A), C: member(MOVED, A)}
    assert group_of(B, HELD, members) == frozenset()
    members = {A: member(MOVED, source=OTHER), B: member(SICK, A), C: member(MOVED, A)}
    assert group_of(B, HELD, members) == frozenset()
    assert group_of(D, HELD, members) == frozenset()


def test_a_circle_ends() -> None:
    members = {A: member(MOVED, B), B: member(SICK, A)}
    assert group_of(B, HELD, members) == {A}


def test_dependents_are_awaited() -> None:
    members = {A: member(MOVED), B: member(MOVED, A), C: member(SICK, B)}
    group = group_of(C, HELD, members) | {C}
    assert awaited(A, group, members) == B
    assert awaited(B, group, members) is None
    earlier = before(MOVED.good_revisions, "a2")
    assert earlier is not None
    held = held_with(MOVED, C, HELD, earlier, "spec", "now")
    assert not rolled_back(held), "nothing is written yet"
    assert held.held is not None and held.held.because == C and held.good == earlier.inputs
    assert [item.inputs.digest for item in held.good_revisions] == ["a1"]
    assert group_of(C, HELD, members | {B: member(held, A)}) == {A, B}
