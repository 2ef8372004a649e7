"""A change that makes a healthy unit sick is taken back by itself, once, and held until its inputs change."""

from __future__ import annotations

from support.engine import SOURCE, World, claim, claim_ref, config, job, job_ref, ref
from trueup.core.health import HealthStatus
from trueup.core.model.artifact import Fault, SourceError
from trueup.core.model.deployment_record import Ending
from trueup.core.model.recipe import DirectoryRecipe
from trueup.core.model.reports import OperationState, Reason, SyncState, UnitPhase
from trueup.core.model.unit import Dependency, HealthGate, Operation, ReturnPolicy, SyncPolicy, UnitSource, ValueRef
from trueup.core.ports import ApplyError


async def test_a_sick_change_returns_and_is_held(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    good = await world.commit(web=[config("a", key="1")], other=[])
    bad = await _make_sick(world, key="2")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    report = world.report(unit)
    assert (report.phase, report.reason, report.sync) == (UnitPhase.HELD, Reason.UNHEALTHY, SyncState.OUT_OF_SYNC)
    assert (report.applied, report.attempted) == (f"main@sha1:{good}", f"main@sha1:{bad}")
    assert "crash" in report.message
    state = world.state(unit)
    assert state.held and state.good and state.held.returned_to == state.good.revision
    assert [item.outcome for item in state.history] == ["good", "sick", "good"]


async def test_an_unrelated_commit_does_not_retry_what_is_held(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    world.cluster.writes.clear()
    await world.commit(web=[config("a", key="2")], other=[config("x")])
    await world.restart()
    assert world.cluster.writes == []
    assert world.report(unit).phase is UnitPhase.HELD
    world.cluster.edit(ref("a"), data={"key": "9"})
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    await world.commit(web=[config("a", key="3")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "3"}
    assert world.report(unit).phase is UnitPhase.SETTLED and world.state(unit).held is None


async def test_a_revert_in_git_ends_the_hold(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    commit = await world.commit(web=[config("a", key="1")])
    assert world.report(unit).phase is UnitPhase.SETTLED
    assert (world.report(unit).applied, world.state(unit).held) == (f"main@sha1:{commit}", None)


async def test_a_sync_by_hand_tries_again(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    world.declare(world.unit("web", operation=Operation("again")))
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert world.report(unit).phase is UnitPhase.SETTLED and world.state(unit).held is None


async def test_a_first_deployment_has_nothing_to_return_to(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True))
    world.declare(unit)
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a")])
    await world.later(4)
    assert world.report(unit).phase is UnitPhase.FAILED and world.report(unit).reason is Reason.UNHEALTHY
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.report(unit).phase is UnitPhase.SETTLED
    assert world.state(unit).good is not None


async def test_a_policy_of_reporting_returns_nothing(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.REPORT, gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert world.report(unit).phase is UnitPhase.FAILED


async def test_what_the_change_did_not_touch_gives_no_return(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a"), config("b")])
    world.cluster.set_health(ref("b"), HealthStatus.DEGRADED, "node lost")
    await world.settle()
    await world.commit(web=[config("a", key="new"), config("b")])
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "new"}
    assert world.state(unit).held is None


async def test_many_units_that_sicken_together_stay(world: World) -> None:
    units = [world.unit(f"u{number}") for number in range(8)]
    world.declare(*units)
    await world.commit(**{f"u{n}": [config(f"c{n}", key="1")] for n in range(8)})
    world.cluster.set_health_once_written(ref("c0"), HealthStatus.DEGRADED, "node lost")
    await world.commit(**{f"u{n}": [config(f"c{n}", key="2" if n == 0 else "1")] for n in range(8)})
    for n in range(1, 8):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.DEGRADED, "node lost")
    await world.later(4)
    assert [unit.ref.name for unit in units if world.state(unit).held is not None] == []
    assert "8 of 8 units sickened together" in world.report(units[0]).notices[0].message
    for n in range(1, 8):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.HEALTHY)
    await world.later(60)
    await world.later(60)
    assert world.state(units[0]).held is not None, "the breaker closes by itself"
    assert world.cluster.objects[ref("c0")]["data"] == {"key": "1"}


async def test_one_bad_commit_is_taken_back_by_all_that_it_changed(world: World) -> None:
    units = [world.unit(f"u{number}") for number in range(8)]
    world.declare(*units)
    await world.commit(**{f"u{n}": [config(f"c{n}", key="1")] for n in range(8)})
    for n in range(8):
        world.cluster.set_health_once_written(ref(f"c{n}"), HealthStatus.DEGRADED, "crash")
    await world.commit(**{f"u{n}": [config(f"c{n}", key="2")] for n in range(8)})
    await world.later(4)
    assert all(world.state(unit).held is not None for unit in units)
    assert all(world.cluster.objects[ref(f"c{n}")]["data"] == {"key": "1"} for n in range(8))


async def test_what_was_sick_before_the_change_hides_no_bad_change(world: World) -> None:
    units = [world.unit(f"u{number}") for number in range(8)]
    world.declare(*units)
    await world.commit(**{f"u{n}": [config(f"c{n}", key="1")] for n in range(8)})
    for n in range(1, 8):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.DEGRADED, "no metrics")
    await world.settle()
    await world.later(10)
    world.cluster.set_health_once_written(ref("c0"), HealthStatus.DEGRADED, "crash")
    await world.commit(**{f"u{n}": [config(f"c{n}", key="2" if n == 0 else "1")] for n in range(8)})
    await world.later(4)
    assert world.state(units[0]).held is not None


async def test_a_change_of_what_was_sick_already_is_left_in_place(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "no quota")
    await world.later(10)
    await world.commit(web=[config("a", key="2")])
    await world.later(10)
    assert world.report(unit).phase is UnitPhase.CHECKING
    await world.later(300)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"} and world.state(unit).held is None
    assert "was so before this change too" in world.report(unit).notices[0].message


async def test_a_job_that_still_runs_is_waited_for_before_anything_is_taken_back(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True), past_jobs=True)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.set_health(job_ref("migrate-2"), HealthStatus.PROGRESSING, "it has not ended yet")
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2"), job("migrate-2")])
    await world.later(10)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert "is still running" in world.report(unit).notices[0].message
    world.cluster.set_health(job_ref("migrate-2"), HealthStatus.HEALTHY)
    await world.later(10)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def test_a_lost_node_takes_back_no_change_that_fell_into_its_time(world: World) -> None:
    units = [world.unit(f"u{number}", gate=HealthGate(deadline=60)) for number in range(20)]
    world.declare(*units)
    folders = {f"u{n}": [config(f"c{n}", key="1")] for n in range(20)}
    await world.commit(**folders)
    await world.commit(**(folders | {"u0": [config("c0", key="2")]}))
    world.cluster.set_health_once_written(ref("c0"), HealthStatus.PROGRESSING)
    await world.commit(**(folders | {"u0": [config("c0", key="3")]}))
    for n in range(1, 20):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.PROGRESSING, "0 of 1 ready")
    await world.later(30)
    await world.later(100)
    assert world.state(units[0]).held is None
    assert "20 of 20 units sickened together" in world.report(units[0]).notices[0].message
    await world.restart()
    await world.later(100)
    assert world.state(units[0]).held is None


async def test_units_that_depend_on_a_sick_one_are_explained_by_it(world: World) -> None:
    base = world.unit("base")
    others = [world.unit(f"u{n}", depends_on=(Dependency(base.ref),)) for n in range(9)]
    world.declare(base, *others)
    folders = {"base": [config("a", key="1")]} | {f"u{n}": [config(f"c{n}")] for n in range(9)}
    await world.commit(**folders)
    for n in range(9):
        world.cluster.set_health_once_written(ref(f"c{n}"), HealthStatus.DEGRADED, "no database")
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(**(folders | {"base": [config("a", key="2")]}))
    await world.later(4)
    assert world.state(base).held is not None


async def test_a_return_whose_writes_are_refused_is_named_before_and_not_begun(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), config("b", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2"), config("b", key="2")])
    world.cluster.refuse[ref("b")] = ApplyError(ref("b"), "Invalid", "field is immutable")
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    state, report = world.state(unit), world.report(unit)
    assert state.held is None and state.rollback_skipped is not None
    assert report.phase is UnitPhase.FAILED
    assert "ConfigMap/default/b cannot be brought back" in report.message and "immutable" in report.message
    assert world.event_sink.records[-1].ending is Ending.SICK
    world.cluster.refuse.clear()
    await world.commit(web=[config("a", key="3"), config("b", key="2")])
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.state(unit).rollback_skipped is None and world.report(unit).phase is UnitPhase.SETTLED


async def test_a_return_that_fails_stops_with_both_reasons(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), config("b", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2"), config("b", key="2")])
    # What the dry run let pass is refused when it is written.
    world.cluster.before_write = lambda: _refuse(world, "b")
    await world.later(4)
    world.cluster.before_write = lambda: None
    report = world.report(unit)
    assert report.phase is UnitPhase.HELD
    assert "crash" in report.message and "the return to" in report.message and "immutable" in report.message
    writes = len(world.cluster.writes)
    for _ in range(5):
        await world.later(1000)
    await world.restart()
    await world.later(1000)
    assert len(world.cluster.writes) == 0 and writes
    world.cluster.refuse.clear()
    world.cluster.after_write = lambda: None
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    world.declare(world.unit("web", requested="once more"))
    await world.settle()
    assert world.cluster.objects[ref("b")]["data"] == {"key": "1"}
    held = world.state(unit).held
    assert held is not None and held.stopped == ""


async def test_a_return_that_stays_sick_says_both_reasons_and_forgets_the_second_when_it_recovers(
    world: World,
) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    await world.later(4)
    await world.later(4)
    assert "did not become healthy either" in world.report(unit).message
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    held = world.state(unit).held
    assert held is not None and held.stopped == ""
    assert "either" not in world.report(unit).message


async def test_a_job_that_has_run_stands_in_the_way_and_a_unit_may_say_that_it_does_not(world: World) -> None:
    prune = SyncPolicy(prune=True)
    unit = world.unit("web", policy=prune)
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), job("migrate-1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2"), job("migrate-2")])
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    stayed = world.state(unit).rollback_skipped
    assert stayed is not None and "Job/default/migrate-2 has run to its end" in stayed.reason
    world.declare(world.unit("web", past_jobs=True, policy=prune))
    await world.commit(web=[config("a", key="3"), job("migrate-2")])
    world.cluster.after_write = lambda: None
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.later(10)
    assert job_ref("migrate-1") not in world.cluster.objects, "a Job that ran is not run again"
    assert [item.code for item in world.report(unit).notices] == ["job-not-repeated"]


async def test_a_failed_job_is_no_obstacle(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), job("migrate-1")])
    world.cluster.set_health_once_written(job_ref("migrate-2"), HealthStatus.DEGRADED, "it failed")
    await world.commit(web=[config("a", key="2"), job("migrate-2")])
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert job_ref("migrate-2") not in world.cluster.objects
    assert job_ref("migrate-1") not in world.cluster.objects
    await world.later(4)
    assert [item.outcome for item in world.state(unit).history] == ["good", "sick", "good"]


async def test_a_removed_volume_is_not_made_anew_empty(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1"), claim("data")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2")])
    await world.later(4)
    stayed = world.state(unit).rollback_skipped
    assert stayed is not None and "PersistentVolumeClaim/default/data was removed" in stayed.reason
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}


async def test_a_volume_that_came_with_the_bad_change_stays(world: World) -> None:
    unit = world.unit("web", policy=SyncPolicy(prune=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("a", key="2"), claim("data")])
    world.cluster.after_write = lambda: None
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert claim_ref("data") in world.cluster.objects and claim_ref("data") in world.state(unit).inventory.refs
    assert "kept-by-return" in {item.code for item in world.report(unit).notices}


async def test_a_unit_that_was_taken_over_reports_until_its_object_names_a_policy(world: World) -> None:
    unit = world.unit("web", delivered=True, inherited=ReturnPolicy.REPORT, gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    assert world.state(unit).taken_over
    assert [item.code for item in world.report(unit).notices] == ["taken-over"]
    await world.restart()
    await _make_sick(world, key="2")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert "its rollback policy is 'report'" in world.report(unit).message
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    world.declare(world.unit("web", delivered=True, gate=HealthGate(wait=True)))
    await world.settle()
    assert world.report(unit).notices == ()
    await _make_sick(world, key="3")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}


async def test_a_unit_of_our_own_is_not_taken_for_taken_over(world: World) -> None:
    unit = world.unit("web", inherited=ReturnPolicy.REPORT)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.declare(world.unit("web", inherited=ReturnPolicy.REPORT, delivered=True, generation=2))
    await world.restart()
    assert not world.state(unit).taken_over


async def test_values_that_a_unit_refers_to_are_part_of_what_is_held(world: World) -> None:
    secret = ValueRef("Secret", "default", "token")
    unit = world.unit("web", inputs=(secret,))
    world.values.data["Secret", "default", "token"] = {"key": b"one"}
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    await world.restart()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    world.values.data["Secret", "default", "token"] = {"key": b"two"}
    world.engine.value_changed(secret.ref)
    await world.settle()
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}, "other values are another deployment"
    assert world.state(unit).held is None


async def test_a_newer_renderer_does_not_try_held_inputs_again(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    world.renderer.version = "newer"
    await world.restart()
    assert world.cluster.writes == []
    assert world.report(unit).phase is UnitPhase.HELD


async def test_a_return_that_stays_sick_ends(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await _make_sick(world, key="2")
    for _ in range(5):
        await world.later(10)
    writes = len(world.cluster.writes)
    for _ in range(5):
        await world.later(400)
    assert len(world.cluster.writes) == writes
    assert world.report(unit).phase is UnitPhase.HELD


async def test_an_object_that_is_not_ready_in_time_is_sick(world: World) -> None:
    unit = world.unit("web", gate=HealthGate(wait=True, timeout=60))
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.cluster.set_health_once_written(ref("a"), HealthStatus.PROGRESSING, "0 of 1 ready")
    await world.commit(web=[config("a", key="2")])
    assert world.report(unit).phase is UnitPhase.CHECKING
    await world.later(59)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    await world.later(2)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def test_a_sync_to_an_earlier_revision_is_judged_where_nothing_syncs_by_itself(world: World) -> None:
    policy = SyncPolicy(automated=False)
    world.declare(world.unit("web", policy=policy))
    first = await world.commit(web=[config("a", key="1")])
    await _ask(world, policy, Operation("one"))
    await world.commit(web=[config("a", key="2")])
    await _ask(world, policy, Operation("two"))
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.PROGRESSING)
    await _ask(world, policy, Operation("back", revision=first, initiator="jane"))
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    state, report = world.state(world.unit("web")), world.report(world.unit("web"))
    assert state.attempt is None
    assert [(item.revision[-1], item.outcome) for item in state.history] == [
        ("1", "good"),
        ("2", "good"),
        ("1", "good"),
    ]
    assert report.phase is UnitPhase.OUT_OF_SYNC
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    record = world.event_sink.records[-1]
    assert (record.initiator, record.commit and record.commit.id) == ("jane", first)
    world.cluster.after_write = lambda: world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    second = world.repository.head
    await world.commit(web=[config("a", key="3")])
    await _ask(world, policy, Operation("forth", revision=second))
    await world.later(4)
    await world.later(4)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}, "somebody asked for it"
    assert "somebody asked for this revision" in world.event_sink.records[-1].message


async def test_a_sync_may_read_a_revision_as_it_was_read_then(world: World) -> None:
    policy = SyncPolicy(automated=False)
    world.declare(world.unit("web", policy=policy))
    first = await world.commit(web=[config("a", key="1")], old=[config("a", key="0")])
    await _ask(world, policy, Operation("one"))
    await _ask(
        world, policy, Operation("back", revision=first, sources=(UnitSource(SOURCE, DirectoryRecipe(path="old")),))
    )
    assert world.cluster.objects[ref("a")]["data"] == {"key": "0"}
    assert world.report(world.unit("web")).phase is UnitPhase.OUT_OF_SYNC
    await world.later(400)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "0"}


async def test_a_sync_to_a_revision_that_is_not_there_ends_and_the_unit_goes_on(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    world.repository.fault = SourceError(Fault.REF, "no such commit")
    world.declare(world.unit("web", operation=Operation("lost", revision="0123abc")))
    await world.settle()
    report = world.report(world.unit("web"))
    assert report.operation is not None and report.operation.state is OperationState.ERROR
    assert "0123abc is not delivered: no such commit" in report.operation.message
    assert (report.handled_operation, report.phase) == ("lost", UnitPhase.SETTLED)
    world.repository.fault = None
    await world.commit(web=[config("a", key="2")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}


async def _ask(world: World, policy: SyncPolicy, operation: Operation) -> None:
    world.declare(world.unit("web", policy=policy, operation=operation))
    await world.settle()


async def _make_sick(world: World, **data: str) -> str:
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    commit = await world.commit(web=[config("a", **data)])
    await world.later(4)
    return commit


def _refuse(world: World, name: str) -> None:
    world.cluster.refuse[ref(name)] = ApplyError(ref(name), "Invalid", "field is immutable")
