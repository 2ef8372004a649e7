"""Every sync that ends is told to the event_sink: who, what and why, what it changed, and how it ended."""

from __future__ import annotations

from support.engine import SOURCE, World, config, ref
from trueup.core.fields.changes import FieldChange
from trueup.core.health import HealthStatus
from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.events import ReconcileEnded, SourceChanged, SourceGone, UnitChanged, UnitGone
from trueup.core.model.unit import Operation, ReturnPolicy
from trueup.core.ports import ApplyError


async def test_a_commit_is_recorded_with_what_it_changed(world: World) -> None:
    unit = world.unit("web", project="shop")
    world.declare(unit)
    first = await world.commit(web=[config("a", key="1"), config("b")])
    second = await world.commit(web=[config("a", key="2")])
    one, two = world.event_sink.records
    assert (one.cause, one.ending, one.revision, one.previous) == (
        Cause.CHANGE,
        Ending.GOOD,
        f"main@sha1:{first}",
        "",
    )
    assert {(item.ref, item.action, item.fields) for item in one.changes} == {
        (ref("a"), "create", ()),
        (ref("b"), "create", ()),
    }
    assert (two.revision, two.previous, two.tenant) == (f"main@sha1:{second}", f"main@sha1:{first}", "shop")
    assert two.commit and two.commit.id == second and two.id != one.id
    assert [(item.ref, item.action, item.fields) for item in two.changes] == [
        (ref("a"), "change", (FieldChange("data.key", '"1"', '"2"'),))
    ]
    assert {"find_inputs", "compare", "write"} <= {step.name for step in two.steps}
    assert world.state(unit).history[-1].sync == two.id


async def test_a_commit_that_touches_nothing_of_a_unit_is_no_sync(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a")])
    await world.commit(web=[config("a")], other=[config("x")])
    assert len(world.event_sink.records) == 1


async def test_healing_is_recorded_with_the_field_that_had_drifted(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    world.cluster.edit(ref("a"), data={"key": "by hand"})
    await world.settle()
    record = world.event_sink.records[-1]
    assert (record.cause, record.ending) == (Cause.HEAL, Ending.GOOD)
    assert [item.fields for item in record.changes] == [(FieldChange("data.key", '"by hand"', '"1"'),)]


async def test_a_sick_sync_and_its_return(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.later(4)
    await world.later(4)
    *_, bad, back = world.event_sink.records
    assert (bad.cause, bad.ending) == (Cause.CHANGE, Ending.RETURNED) and "crash" in bad.message
    assert (back.cause, back.ending, back.related) == (Cause.RETURN, Ending.GOOD, bad.id)


async def test_a_sick_sync_that_stays_says_why(world: World) -> None:
    world.declare(world.unit("web", returns=ReturnPolicy.REPORT))
    await world.commit(web=[config("a", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2")])
    await world.later(4)
    record = world.event_sink.records[-1]
    assert record.ending is Ending.SICK and "policy is 'report'" in record.message


async def test_a_refused_sync_is_recorded_at_doubling_tries(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    world.cluster.refuse[ref("a")] = ApplyError(ref("a"), "Invalid", "data: too long")
    await world.commit(web=[config("a", key="2")])
    for _ in range(4):
        await world.later(400)
    records = world.event_sink.records[1:]
    assert [(item.ending, item.tries) for item in records] == [
        (Ending.REFUSED, 1),
        (Ending.REFUSED, 2),
        (Ending.REFUSED, 4),
    ]
    assert "too long" in records[0].message


async def test_a_request_names_who_asked(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a")])
    world.declare(world.unit("web", operation=Operation("again", initiator="ada")))
    await world.settle()
    record = world.event_sink.records[-1]
    assert (record.cause, record.initiator, record.operation) == (Cause.REQUEST, "ada", "again")


async def test_a_sync_goes_on_under_its_id_after_a_restart(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.PROGRESSING)
    await world.commit(web=[config("a", key="2")])
    await world.later(3)
    attempt = world.state(unit).attempt
    assert attempt is not None
    await world.restart()
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    record = world.event_sink.records[-1]
    assert (record.id, record.cause, record.ending, record.resumed) == (attempt.id, Cause.CHANGE, Ending.GOOD, True)


async def test_the_end_of_a_unit_is_recorded(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a")])
    world.declare(world.unit("web", deleting=True))
    await world.settle()
    record = world.event_sink.records[-1]
    assert record.cause is Cause.DELETE and [item.action for item in record.changes] == ["prune"]
    world.engine.withdraw(unit.ref)
    assert isinstance(world.event_sink.events[-1], UnitGone)


async def test_reports_passes_and_sources_are_told_too(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a")])
    changed = [event for event in world.event_sink.events if isinstance(event, UnitChanged)]
    assert changed[0].before is None and changed[-1].after == world.report(unit)
    assert any(isinstance(event, SourceChanged) for event in world.event_sink.events)
    assert any(isinstance(event, ReconcileEnded) and event.sync and event.steps for event in world.event_sink.events)


async def test_the_end_of_a_source_is_told_with_its_last_report(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a")])
    world.engine.withdraw_source(SOURCE)
    (gone,) = [event for event in world.event_sink.events if isinstance(event, SourceGone)]
    assert gone.declaration.ref == SOURCE and gone.last == world.reports.sources[SOURCE]
    world.engine.withdraw_source(SOURCE)
    assert sum(isinstance(event, SourceGone) for event in world.event_sink.events) == 1


async def test_a_look_that_somebody_asked_for_names_the_person(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    world.cluster.objects[ref("a")]["data"] = {"key": "by hand"}
    world.declare(world.unit("web", requested="now", requested_by="jane"))
    await world.settle()
    record = world.event_sink.records[-1]
    assert (record.cause, record.initiator) == (Cause.REQUEST, "jane")
