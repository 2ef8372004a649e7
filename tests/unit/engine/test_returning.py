"""A change that makes a healthy unit sick is taken back by itself, once, and held until its inputs change."""

from __future__ import annotations

from support.engine import World, config, ref
from trueup.core.health import HealthStatus
from trueup.core.reports import Reason, SyncState, UnitPhase
from trueup.core.unit import HealthGate, Operation, ReturnPolicy


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
    world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
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
    for n in range(8):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.DEGRADED, "node lost")
    await world.commit(**{f"u{n}": [config(f"c{n}", key="2")] for n in range(8)})
    await world.later(4)
    returned = [unit for unit in units if world.state(unit).held is not None]
    assert 0 < len(returned) < 5


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
    world.cluster.set_health(ref("a"), HealthStatus.PROGRESSING, "0 of 1 ready")
    await world.commit(web=[config("a", key="2")])
    assert world.report(unit).phase is UnitPhase.CHECKING
    await world.later(59)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    await world.later(2)
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}


async def _make_sick(world: World, **data: str) -> str:
    world.cluster.set_health(ref("a"), HealthStatus.DEGRADED, "crash")
    commit = await world.commit(web=[config("a", **data)])
    await world.later(4)
    return commit
