"""A commit becomes true in the cluster, with as few writes as it takes, and nothing is lost on the way."""

from __future__ import annotations

from support.engine import SOURCE, World, config, ref
from trueup.core.model.artifact import (
    Fault,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.model.reports import Reason, SyncState, UnitPhase
from trueup.core.model.unit import Dependency, Operation, Retry, SyncPolicy
from trueup.core.plan.tasks import Action
from trueup.core.ports import ApplyError
from trueup.engine.source_controller import ANEW_EVERY


async def test_a_first_commit_is_applied_and_becomes_the_good_one(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    commit = await world.commit(web=[config("a"), config("b")])
    assert sorted(world.cluster.writes) == [(Action.CREATE, ref("a")), (Action.CREATE, ref("b"))]
    report = world.report(unit)
    assert (report.phase, report.sync, report.applied) == (UnitPhase.SETTLED, SyncState.SYNCED, f"main@sha1:{commit}")
    state = world.state(unit)
    assert state.attempt is None and state.good and state.good.digest == state.applied.digest  # type: ignore[union-attr]
    assert [item.outcome for item in state.history] == ["good"]
    assert all(entry.managed_digest and entry.good == entry.digest for entry in state.inventory.entries)


async def test_a_settled_unit_costs_nothing(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a")])
    before = (len(world.cluster.writes), world.states.puts, world.renderer.renders, len(world.reports.seen))
    await world.look(unit)
    await world.later(5)
    assert (len(world.cluster.writes), world.states.puts, world.renderer.renders, len(world.reports.seen)) == before


async def test_a_restart_writes_and_renders_nothing(world: World) -> None:
    units = [world.unit(f"u{number}") for number in range(5)]
    world.declare(*units)
    await world.commit(**{unit.ref.name: [config(unit.ref.name)] for unit in units})
    renders, puts = world.renderer.renders, world.states.puts
    await world.restart()
    assert (world.renderer.renders, world.states.puts, world.cluster.writes) == (renders, puts, [])
    assert all(world.report(unit).phase is UnitPhase.SETTLED for unit in units)


async def test_what_is_only_made_is_settled_however_it_lives(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    made, there = config("made"), config("there", key="wanted")
    for body in (made, there):
        body["metadata"]["annotations"] = {"apply": "create-only"}
    world.cluster.objects[ref("there")] = config("there", key="theirs")
    await world.commit(web=[made, there])
    assert world.cluster.writes == [(Action.CREATE, ref("made"))]
    world.cluster.objects[ref("made")] = config("made", key="changed since")
    renders = world.renderer.renders
    await world.restart()
    assert (world.renderer.renders, world.cluster.writes) == (renders, [])
    assert world.report(unit).sync is SyncState.SYNCED
    assert world.cluster.objects[ref("there")] == config("there", key="theirs")
    del world.cluster.objects[ref("made")]
    await world.look(unit)
    assert world.cluster.writes == [(Action.CREATE, ref("made"))]


async def test_only_what_changed_is_written(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a"), config("b"), config("c")])
    world.cluster.writes.clear()
    world.cluster.tried.clear()
    await world.commit(web=[config("a"), config("b", key="new"), config("d")])
    assert sorted(world.cluster.writes) == [
        (Action.CHANGE, ref("b")),
        (Action.CREATE, ref("d")),
        (Action.PRUNE, ref("c")),
    ]
    assert sorted(world.cluster.tried) == [ref("b"), ref("d")]
    assert world.state(unit).inventory.refs == {ref("a"), ref("b"), ref("d")}


async def test_a_commit_for_another_unit_changes_only_the_revision_shown(world: World) -> None:
    web, api = world.unit("web"), world.unit("api")
    world.declare(web, api)
    await world.commit(web=[config("a")], api=[config("b")])
    world.cluster.writes.clear()
    commit = await world.commit(web=[config("a")], api=[config("b", key="new")])
    assert world.cluster.writes == [(Action.CHANGE, ref("b"))]
    assert world.report(web).applied == f"main@sha1:{commit}"
    assert world.report(web).phase is UnitPhase.SETTLED
    assert world.state(web).applied.revision != f"main@sha1:{commit}"  # type: ignore[union-attr]
    await world.later(31)
    assert world.state(web).applied.revision == f"main@sha1:{commit}"  # type: ignore[union-attr]


async def test_drift_is_healed_from_its_event(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.writes.clear()
    world.cluster.edit(ref("a"), data={"key": "2"})
    await world.settle()
    assert world.cluster.writes == [(Action.HEAL, ref("a"))]
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    world.cluster.remove(ref("a"))
    await world.settle()
    assert world.cluster.writes[1:] == [(Action.CREATE, ref("a"))]


async def test_a_fight_over_an_object_is_damped_and_told(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), config("b")])
    world.cluster.writes.clear()
    for number in range(10):
        world.cluster.edit(ref("a"), data={"key": str(number + 2)})
        await world.settle()
    assert len(world.cluster.writes) == 3
    assert "contested" in {notice.code for notice in world.report(unit).notices}
    await world.later(400)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def test_without_healing_drift_is_only_told(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(heal=False))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.writes.clear()
    world.cluster.edit(ref("a"), data={"key": "2"})
    await world.settle()
    assert world.cluster.writes == []
    assert (world.report(unit).phase, world.report(unit).sync) == (UnitPhase.OUT_OF_SYNC, SyncState.OUT_OF_SYNC)


async def test_without_automation_an_operation_syncs_once(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(automated=False))
    world.declare(unit)
    await world.commit(web=[config("a")])
    assert world.cluster.writes == []
    assert world.report(unit).phase is UnitPhase.OUT_OF_SYNC
    asked = world.unit("web", policy=SyncPolicy(automated=False), operation=Operation("op-1"))
    world.declare(asked)
    await world.settle()
    assert world.cluster.writes == [(Action.CREATE, ref("a"))]
    assert world.report(unit).handled_operation == "op-1"
    await world.commit(web=[config("a", key="new")])
    assert len(world.cluster.writes) == 1


async def test_a_refused_change_changes_nothing_else(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(retry=Retry(limit=-1, base=10)))
    world.declare(unit)
    await world.commit(web=[config("a"), config("b")])
    world.cluster.writes.clear()
    world.cluster.refuse[ref("b")] = ApplyError(ref("b"), "Invalid", "data: too long")
    await world.commit(web=[config("a", key="x"), config("b", key="x"), config("c")])
    assert world.cluster.writes == []
    report = world.report(unit)
    assert (report.phase, report.reason) == (UnitPhase.FAILED, Reason.REFUSED)
    assert "ConfigMap/default/b: data: too long" in report.message
    await world.look(unit)
    tried = len(world.cluster.tried)
    await world.look(unit)
    assert len(world.cluster.tried) == tried
    world.cluster.refuse.clear()
    await world.later(11)
    assert len(world.cluster.writes) == 3
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_of_a_first_delivery_with_a_refused_object_nothing_of_that_stage_is_applied(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    world.cluster.refuse[ref("b")] = ApplyError(ref("b"), "Invalid", "data: too long")
    await world.commit(web=[config("first", wave=-1), config("a"), config("b"), config("c")])
    assert world.cluster.writes == [(Action.CREATE, ref("first"))]
    message = world.report(unit).message
    assert "b: data: too long; 1 object of this sync was written before it, and nothing beside or after it" in message
    world.cluster.refuse.clear()
    await world.later(100)
    assert len(world.cluster.writes) == 4 and world.report(unit).phase is UnitPhase.SETTLED


async def test_a_refusal_that_another_object_of_the_stage_explains_is_put_to_the_test(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    missing = ApplyError(ref("token"), "Forbidden", "service account default/robot was not found, retry after", True)
    world.cluster.refuse[ref("token")] = missing
    await world.commit(web=[config("robot"), config("token")])
    assert (Action.CREATE, ref("robot")) in world.cluster.writes, "it may be what the other one lacks"
    assert world.report(unit).phase is UnitPhase.FAILED
    world.cluster.refuse.clear()
    await world.later(100)
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_what_somebody_keeps_changing_back_is_damped_during_a_sync_too(world: World) -> None:
    from trueup.core.health import HealthStatus

    unit = world.unit("web")
    world.cluster.set_health_once_written(ref("slow"), HealthStatus.PROGRESSING)
    world.declare(unit)
    await world.commit(web=[config("slow"), config("a", key="git")])
    assert world.state(unit).attempt is not None
    world.cluster.writes.clear()
    for _ in range(20):
        world.cluster.edit(ref("a"), data={"key": "theirs"})
        await world.settle()
    assert len(world.cluster.writes) <= 4
    report = world.report(unit)
    assert "contested" in {notice.code for notice in report.notices}
    assert "is written again in" in report.message
    world.cluster.set_health(ref("slow"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.state(unit).attempt is not None, "a sync does not end before everything is as Git says"
    await world.later(400)
    await world.later(1)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "git"}
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_without_retries_a_refused_commit_is_left_alone(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(retry=Retry(limit=0)))
    world.declare(unit)
    world.cluster.refuse[ref("a")] = ApplyError(ref("a"), "Invalid", "no")
    await world.commit(web=[config("a")])
    world.cluster.refuse.clear()
    await world.later(1000)
    assert world.cluster.writes == []
    assert world.report(unit).phase is UnitPhase.FAILED and "no" in world.report(unit).message
    await world.commit(web=[config("a", key="other")])
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_a_render_of_nothing_prunes_nothing(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a")])
    await world.commit(other=[])
    assert ref("a") in world.cluster.objects
    assert world.report(unit).phase is UnitPhase.FAILED
    assert "nothing was rendered" in world.report(unit).message
    await world.commit(web=[config("a")])
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_what_cannot_be_read_is_not_missing(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a"), config("b")])
    world.cluster.writes.clear()
    world.cluster.unreadable.add(("", "ConfigMap"))
    await world.commit(web=[config("a")])
    await world.restart()
    assert world.cluster.writes == []
    world.cluster.unreadable.clear()
    await world.later(1)
    assert world.cluster.writes == [(Action.PRUNE, ref("b"))]


async def test_two_units_that_want_one_object_are_both_told(world: World) -> None:
    one, two = world.unit("one"), world.unit("two")
    world.declare(one, two)
    await world.commit(one=[config("a", key="1")], two=[config("b")])
    await world.commit(one=[config("a", key="1")], two=[config("a", key="2")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert world.report(two).phase is UnitPhase.FAILED
    assert "already delivered by Unit/default/one" in world.report(two).message
    await world.commit(one=[config("c")], two=[config("a", key="2")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert world.report(two).phase is UnitPhase.SETTLED


async def test_an_object_that_moves_between_units_is_never_deleted(world: World) -> None:
    one = world.unit("one", policy=SyncPolicy(prune=True))
    two = world.unit("two", policy=SyncPolicy(prune=True))
    world.declare(one, two)
    await world.commit(one=[config("a"), config("x")], two=[config("y")])
    world.cluster.writes.clear()
    await world.commit(one=[config("x")], two=[config("y"), config("a")])
    await world.later(1)
    assert (Action.PRUNE, ref("a")) not in world.cluster.writes
    assert ref("a") in world.state(two).inventory.refs
    assert ref("a") not in world.state(one).inventory.refs


async def test_a_unit_waits_for_those_it_depends_on(world: World) -> None:
    base = world.unit("base")
    web = world.unit("web", depends_on=(Dependency(base.ref),))
    world.declare(web)
    await world.commit(web=[config("a")], base=[config("b")])
    assert world.report(web).reason is Reason.DEPENDENCY_NOT_READY
    assert world.cluster.writes == []
    world.declare(base)
    await world.settle()
    assert world.cluster.writes == [(Action.CREATE, ref("b")), (Action.CREATE, ref("a"))]


async def test_waves_go_one_after_the_other_when_each_is_healthy(world: World) -> None:
    from trueup.core.health import HealthStatus

    unit = world.unit("web")
    world.cluster.set_health_once_written(ref("a"), HealthStatus.PROGRESSING)
    world.declare(unit)
    await world.commit(web=[config("b", wave=2), config("a", wave=1), config("z", wave=-1)])
    assert [item for _, item in world.cluster.writes] == [ref("z"), ref("a")]
    assert world.report(unit).phase is UnitPhase.APPLYING
    await world.look(unit)
    assert [item for _, item in world.cluster.writes] == [ref("z"), ref("a")], "another look changes nothing"
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    assert [item for _, item in world.cluster.writes] == [ref("z"), ref("a"), ref("b")]
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_a_remote_that_fails_takes_nothing_away(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.repository.fault = SourceError(Fault.UNREACHABLE, "no route")
    world.engine.source_controller.poll_now(SOURCE)
    await world.settle()
    world.cluster.edit(ref("a"), data={"key": "2"})
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert world.report(unit).phase is UnitPhase.SETTLED
    assert "no route" in world.reports.sources[SOURCE].message


async def test_a_suspended_unit_is_left_alone(world: World) -> None:
    unit = world.unit("web", suspended=True)
    world.declare(unit)
    await world.commit(web=[config("a")])
    assert world.cluster.writes == []
    assert world.report(unit).phase is UnitPhase.SUSPENDED


async def test_a_failing_unit_does_not_stop_the_others(world: World) -> None:
    bad, good = world.unit("bad", problems=("spec.source.plugin is not supported",)), world.unit("good")
    world.declare(bad, good)
    await world.commit(bad=[config("a")], good=[config("b")])
    assert world.cluster.writes == [(Action.CREATE, ref("b"))]
    assert world.report(bad).stalled and "plugin" in world.report(bad).message


async def test_a_lost_lease_stops_every_write(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    world.cluster.fence.open = False
    await world.commit(web=[config("a")])
    assert (world.cluster.writes, world.states.puts, world.reports.units) == ([], 0, {})


async def test_a_thousand_webhooks_poll_a_source_once_at_once_and_once_later(world: World) -> None:
    polled: list[bool] = []
    resolve = world.repository.resolve

    async def counted(
        spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        polled.append(fresh)
        return await resolve(spec, credentials, at, fresh)

    world.repository.resolve = counted  # type: ignore[method-assign]
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    polled.clear()
    for _ in range(1000):
        world.engine.requeue(SOURCE)
    await world.settle()
    assert polled == [True]
    for _ in range(1000):
        world.engine.requeue(SOURCE)
    await world.settle()
    assert polled == [True], "the next poll waits for its time"
    world.clock.advance(ANEW_EVERY)
    world.engine.requeue(SOURCE)
    await world.settle()
    assert polled == [True, True]
    world.engine.requeue(ref("nobody"))
