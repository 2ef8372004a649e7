"""Who has planned for which revision, and who lags behind."""

from __future__ import annotations

import msgspec

from support.engine import World
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import Unit
from trueup.engine.coordination.planned import PlannedRevisions
from trueup.engine.coordination.units import Registry


def _setup() -> tuple[PlannedRevisions, Registry, list[Unit], ObjectRef]:
    world = World()
    units = [world.unit(name) for name in ("a", "b", "c")]
    planned, registry = PlannedRevisions(), Registry()
    for unit in units:
        registry.put(unit)
        planned.declared(unit)
    return planned, registry, units, units[0].sources[0].ref


def test_who_has_planned_lags_behind_no_more() -> None:
    planned, registry, (a, b, c), source = _setup()
    assert set(planned.behind(source, "1", registry)) == {a.ref, b.ref, c.ref}
    planned.note(b.ref, {source: "1"})
    assert set(planned.behind(source, "1", registry)) == {a.ref, c.ref}
    assert planned.of(b.ref) == {source: "1"} and planned.of(a.ref) == {}


def test_a_new_revision_leaves_all_behind_and_so_does_an_old_one_that_comes_back() -> None:
    planned, registry, units, source = _setup()
    for unit in units:
        planned.note(unit.ref, {source: "1"})
    assert not planned.behind(source, "1", registry)
    assert len(planned.behind(source, "2", registry)) == 3
    planned.note(units[0].ref, {source: "2"})
    # Nobody asked while the source was at 2: what was known of 1 is not true any more.
    assert set(planned.behind(source, "1", registry)) == {units[0].ref}


def test_a_revision_that_comes_back_unasked_is_found_anew() -> None:
    planned, registry, units, source = _setup()
    for unit in units:
        planned.note(unit.ref, {source: "1"})
    assert not planned.behind(source, "1", registry)
    for unit in units:
        planned.note(unit.ref, {source: "2"})
    assert len(planned.behind(source, "1", registry)) == 3


def test_a_unit_that_is_new_or_takes_another_source_lags_behind() -> None:
    planned, registry, units, source = _setup()
    for unit in units:
        planned.note(unit.ref, {source: "1"})
    assert not planned.behind(source, "1", registry)
    new = World().unit("d")
    registry.put(new)
    planned.declared(new)
    assert set(planned.behind(source, "1", registry)) == {new.ref}
    planned.forget(units[0].ref)
    again = msgspec.structs.replace(units[0], uid="another")
    planned.declared(again)
    assert set(planned.behind(source, "1", registry)) == {new.ref, again.ref}


def test_what_is_not_declared_any_more_is_forgotten() -> None:
    planned, registry, units, source = _setup()
    assert planned.behind(source, "1", registry)
    planned.forget_source(source)
    for unit in units:
        planned.note(unit.ref, {source: "1"})
    assert not planned.behind(source, "1", registry)
