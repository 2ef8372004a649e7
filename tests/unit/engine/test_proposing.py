"""The revert of a bad commit is proposed once, beside the passes, and its URL is told; no host holds up a sync."""

from __future__ import annotations

from support.engine import World, config, ref
from trueup.core.health import HealthStatus
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import HealthGate, ReturnPolicy
from trueup.core.rollback.proposal import ProposalError

GATE = HealthGate(wait=True)


async def make_sick(world: World, key: str) -> str:
    world.cluster.set_health_once_written(ref("a"), HealthStatus.DEGRADED, "crash")
    commit = await world.commit(web=[config("a", key=key)])
    await world.later(4)
    await world.settle()
    return commit


async def test_a_policy_of_proposing_leaves_it_in_place_and_proposes_its_revert(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.PROPOSE, gate=GATE)
    world.declare(unit)
    good = await world.commit(web=[config("a", key="1")])
    bad = await make_sick(world, "2")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    asked = world.proposals.asked
    assert [(item.unit, item.bad, item.good, item.branch) for item in asked] == [(unit.ref, bad, good, "main")]
    assert any(path.startswith("web") for path in asked[0].paths), "only what the unit reads is taken back"
    assert asked[0].repository == "https://x/r" and 'Revert "change"' in asked[0].title
    assert "crash" in asked[0].body
    report = world.report(unit)
    assert report.phase is UnitPhase.FAILED
    assert "its rollback policy is 'propose'" in report.message
    assert "its revert is proposed: https://example.com/pulls/1" in report.message
    assert "proposed" in {item.code for item in report.notices}


async def test_it_is_proposed_once_over_looks_and_restarts(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.PROPOSE, gate=GATE)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await make_sick(world, "2")
    for _ in range(3):
        await world.later(400)
    await world.restart()
    await world.later(400)
    assert len(world.proposals.asked) == 1
    assert "https://example.com/pulls/1" in world.report(unit).message


async def test_an_automatic_return_proposes_where_its_object_says_so(world: World) -> None:
    unit = world.unit("web", propose_revert=True)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    bad = await make_sick(world, "2")
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
    assert [item.bad for item in world.proposals.asked] == [bad]
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.report(unit).phase is UnitPhase.HELD
    assert "https://example.com/pulls/1" in world.report(unit).message


async def test_no_other_policy_proposes(world: World) -> None:
    world.declare(world.unit("web"))
    await world.commit(web=[config("a", key="1")])
    await make_sick(world, "2")
    assert world.proposals.asked == []


async def test_a_host_that_refuses_is_told_and_not_asked_again(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.PROPOSE, gate=GATE)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.proposals.error = ProposalError("its token may not push")
    await make_sick(world, "2")
    assert "its revert could not be proposed: its token may not push" in world.report(unit).message
    await world.restart()
    await world.later(400)
    assert len(world.proposals.asked) == 1


async def test_a_host_that_is_away_is_asked_again_after_a_restart_and_holds_nothing_up(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.PROPOSE, gate=GATE)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.proposals.error = ProposalError("no route", retriable=True)
    await make_sick(world, "2")
    assert "its revert is being proposed" in world.report(unit).message
    world.proposals.error = None
    await world.restart()
    await world.later(4)
    assert "https://example.com/pulls/1" in world.report(unit).message


async def test_an_adapter_that_fails_over_an_answer_takes_nobody_with_it(world: World) -> None:
    unit = world.unit("web", returns=ReturnPolicy.PROPOSE, gate=GATE)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.proposals.error = ValueError("surprise")  # type: ignore[assignment]
    await make_sick(world, "2")
    assert world.report(unit).phase is UnitPhase.FAILED
    world.cluster.set_health(ref("a"), HealthStatus.HEALTHY)
    await world.commit(web=[config("a", key="3")])
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_many_units_that_sicken_together_propose_nothing(world: World) -> None:
    units = [world.unit(f"u{n}", returns=ReturnPolicy.PROPOSE, gate=GATE) for n in range(8)]
    world.declare(*units)
    await world.commit(**{f"u{n}": [config(f"c{n}", key="1")] for n in range(8)})
    world.cluster.set_health_once_written(ref("c0"), HealthStatus.DEGRADED, "node lost")
    await world.commit(**{f"u{n}": [config(f"c{n}", key="2" if n == 0 else "1")] for n in range(8)})
    for n in range(1, 8):
        world.cluster.set_health(ref(f"c{n}"), HealthStatus.DEGRADED, "node lost")
    await world.later(4)
    assert world.proposals.asked == []
