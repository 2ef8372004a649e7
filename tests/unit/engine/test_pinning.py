"""A unit that somebody pins to an earlier deployment stays there, heals drift, and says so until it is released."""

from __future__ import annotations

from support.engine import World, config, job, job_ref, ref
from trueup.core.health import HealthStatus
from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.reports import OperationState, SyncState, UnitPhase
from trueup.core.model.unit import HealthGate, Operation, SyncPolicy, Unit, ValueRef
from trueup.core.rollback.pinning import PinAction, Request


def pin(to: str = "", token: str = "1") -> Request:
    return Request(PinAction.PIN, token, to, "jane", "checkout fails")


UNPIN = Request(PinAction.UNPIN, "9", by="joe")


async def ask(world: World, unit: Unit, request: Request) -> None:
    world.engine.request(unit.ref, request)
    await world.settle()


async def test_a_pinned_unit_runs_what_it_ran_before_and_does_not_follow_git(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    first = await world.commit(web=[config("a", key="1")])
    await world.commit(web=[config("a", key="2")])
    await ask(world, unit, pin())
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    record = world.event_sink.records[-1]
    assert (record.cause, record.ending, record.initiator) == (Cause.PIN, Ending.GOOD, "jane")
    third = await world.commit(web=[config("a", key="3")])
    await world.restart()
    report = world.report(unit)
    assert world.cluster.writes == []
    assert (report.phase, report.sync, report.applied) == (
        UnitPhase.SETTLED,
        SyncState.OUT_OF_SYNC,
        f"main@sha1:{first}",
    )
    assert report.current == f"main@sha1:{third}"
    words = f"pinned to main@sha1:{first} by jane (checkout fails)"
    assert words in report.message and any(words in item.message for item in report.notices)
    world.cluster.edit(ref("a"), data={"key": "by hand"})
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def test_releasing_it_goes_on_with_git(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit(web=[config("a", key="2")])
    await ask(world, unit, pin())
    await world.commit(web=[config("a", key="3")])
    await ask(world, unit, UNPIN)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "3"}
    record = world.event_sink.records[-1]
    assert (record.cause, record.initiator) == (Cause.PIN, "joe")
    assert world.report(unit).pin is None and world.report(unit).notices == ()
    await world.commit(web=[config("a", key="4")])
    assert world.event_sink.records[-1].cause is Cause.CHANGE


async def test_a_request_is_answered_once(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    for key in "123":
        await world.commit(web=[config("a", key=key)])
    await ask(world, unit, pin("0"))
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    world.states.conflicts = 1
    await ask(world, unit, UNPIN)
    await world.later(2)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "3"}
    await world.look(unit)
    assert world.state(unit).pin is None


async def test_what_is_not_remembered_cannot_be_pinned(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await ask(world, unit, pin("77"))
    assert "no good deployment '77' is remembered; it can be pinned to: 0 " in world.report(unit).notices[0].message
    await ask(world, unit, pin(token="2"))
    assert "no earlier deployment" in world.report(unit).notices[0].message
    assert world.state(unit).pin is None


async def test_a_pinned_unit_that_sickens_stays(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit(web=[config("a", key="2")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await ask(world, unit, pin())
    await world.later(4)
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert "not taken back, because it is pinned" in world.report(unit).message


async def test_a_sync_to_another_revision_is_refused_while_pinned(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    second = await world.commit(web=[config("a", key="2")])
    await ask(world, unit, pin())
    world.declare(world.unit("web", operation=Operation("op", revision=second)))
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    report = world.report(unit)
    assert report.operation is not None and report.operation.state is OperationState.ERROR
    assert "is not delivered: the unit is pinned" in report.operation.message
    assert report.handled_operation == "op"


async def test_a_pin_writes_also_where_nothing_is_synced_by_itself(world: World) -> None:
    policy = SyncPolicy(automated=False)
    unit = world.unit("web", policy=policy)
    world.declare(unit)
    for number in "12":
        await world.commit(web=[config("a", key=number)])
        world.declare(world.unit("web", policy=policy, operation=Operation(number)))
        await world.settle()
    await ask(world, unit, pin())
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def test_a_pin_does_not_run_jobs_again_and_says_that_values_have_changed(world: World) -> None:
    secret = ValueRef("Secret", "default", "token")
    world.values.data["Secret", "default", "token"] = {"key": b"one"}
    unit = world.unit("web", inputs=(secret,), policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), job("migrate-1")])
    world.values.data["Secret", "default", "token"] = {"key": b"two"}
    await world.commit(web=[config("a", key="2"), job("migrate-2")])
    await ask(world, unit, pin())
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert job_ref("migrate-1") not in world.cluster.objects
    codes = {item.code for item in world.report(unit).notices}
    assert {"pinned", "job-not-repeated"} <= codes
    assert any("values it refers to are those of today" in item.message for item in world.report(unit).notices)


async def test_a_pin_outlives_what_is_held_and_the_hold_outlives_the_pin(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit(web=[config("a", key="2")])
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="3")])
    await world.later(4)
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.report(unit).phase is UnitPhase.HELD
    await ask(world, unit, pin())
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert world.report(unit).phase is UnitPhase.SETTLED
    await ask(world, unit, UNPIN)
    assert world.report(unit).phase is UnitPhase.HELD
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}, "the bad one is not tried again"
    await world.commit(web=[config("a", key="4")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "4"}
