"""Units of several sources: delivered together, known by all their revisions, rolled back to all of them."""

from __future__ import annotations

from typing import Any

import msgspec

from support.engine import SECOND, SOURCE, World, config, ref
from trueup.core.health import HealthStatus
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.recipe import DirectoryRecipe
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.unit import (
    CompleteRecipe,
    Dependency,
    HealthGate,
    Operation,
    RevisionFacts,
    SourceDeclaration,
    SyncPolicy,
    Unit,
    UnitSource,
)
from trueup.core.plan.tasks import Action

BOTH = (UnitSource(SOURCE, DirectoryRecipe(path="web")), UnitSource(SECOND, DirectoryRecipe(path="web")))
VALUES = (UnitSource(SOURCE, DirectoryRecipe(path="web")), UnitSource(SECOND, name="values"))


def two(world: World, sources: tuple[UnitSource, ...] = BOTH, name: str = "web", **more: Any) -> Unit:
    return world.unit(name, sources=sources, policy=SyncPolicy(prune=True), **more)


async def test_objects_of_all_sources_are_one_delivery(world: World) -> None:
    unit = two(world)
    world.declare(unit)
    first = await world.commit(web=[config("a", key="1")])
    assert world.report(unit).reason is Reason.SOURCE_NOT_READY and not world.cluster.objects
    second = await world.commit_second(web=[config("b", key="1")])
    assert set(world.cluster.objects) == {ref("a"), ref("b")}
    report, state = world.report(unit), world.state(unit)
    assert report.phase is UnitPhase.SETTLED
    assert first in report.applied and [first in report.revisions[0], second in report.revisions[1]] == [True, True]
    assert state.good is not None and [revision[-4:] for revision in state.good.revisions] == [first[-4:], second[-4:]]
    assert second in state.history[-1].revisions[1]
    assert second in world.event_sink.records[-1].revisions[1]


async def test_a_commit_in_any_source_is_delivered_and_one_that_changes_nothing_is_not(world: World) -> None:
    unit = two(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit_second(web=[config("b", key="1")])
    world.cluster.writes.clear()
    await world.commit_second(web=[config("b", key="2")])
    assert world.cluster.writes == [(Action.CHANGE, ref("b"))]
    moved = await world.commit_second(web=[config("b", key="2")], other=[config("x")])
    assert len(world.cluster.writes) == 1 and moved in world.report(unit).revisions[1]
    await world.commit_second(web=[])
    assert world.cluster.writes[1:] == [(Action.PRUNE, ref("b"))]


async def test_a_restart_renders_and_writes_nothing(world: World) -> None:
    unit = two(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit_second(web=[config("b", key="1")])
    await world.later(31)
    renders = world.renderer.renders
    await world.restart()
    assert not world.cluster.writes and world.renderer.renders == renders
    assert world.report(unit).phase is UnitPhase.SETTLED and len(world.report(unit).revisions) == 2


async def test_files_of_a_named_source_are_inputs_of_the_others(world: World) -> None:
    unit = two(world, VALUES)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit_second(web=[config("v", key="1")])
    assert set(world.cluster.objects) == {ref("a")}
    before = world.cluster.objects[ref("a")]["metadata"]["annotations"]["values"]
    await world.commit_second(web=[config("v", key="2")])
    assert world.cluster.objects[ref("a")]["metadata"]["annotations"]["values"] != before


async def test_the_last_of_an_object_that_two_sources_have_wins_and_that_is_told(world: World) -> None:
    unit = two(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="first")])
    await world.commit_second(web=[config("a", key="second")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "second"}
    assert "duplicate-object" in {notice.code for notice in world.report(unit).notices}


async def test_a_bad_commit_of_one_source_is_taken_back_to_the_revisions_of_all(world: World) -> None:
    unit = two(world, gate=HealthGate(wait=True), propose_revert=True)
    world.declare(unit)
    first = await world.commit(web=[config("a", key="1")])
    good = await world.commit_second(web=[config("b", key="good")])
    world.cluster.set_health_once_written(ref("b"), HealthStatus.DEGRADED, "crash")
    bad = await world.commit_second(web=[config("b", key="bad")])
    attempt = world.state(unit).attempt
    assert attempt is not None and first in attempt.revisions[0] and bad in attempt.revisions[1]
    await world.later(4)
    world.cluster.set_health(ref("b"), HealthStatus.HEALTHY)
    await world.settle()
    state = world.state(unit)
    assert world.cluster.objects[ref("b")]["data"] == {"key": "good"}
    assert state.held is not None and world.report(unit).phase is UnitPhase.HELD
    assert state.good is not None and first in state.good.revisions[0] and good in state.good.revisions[1]
    proposal = world.proposals.asked[-1]
    assert (proposal.source, proposal.bad, proposal.good) == (SECOND, bad, good)
    await world.restart()
    assert world.cluster.objects[ref("b")]["data"] == {"key": "good"} and not world.cluster.writes
    await world.commit_second(web=[config("b", key="better")])
    assert world.report(unit).phase is UnitPhase.SETTLED and world.state(unit).held is None


async def test_somebody_may_ask_for_revisions_of_each(world: World) -> None:
    unit = two(world)
    world.declare(unit)
    first = await world.commit(web=[config("a", key="1")])
    second = await world.commit_second(web=[config("b", key="1")])
    await world.commit(web=[config("a", key="2")])
    await world.commit_second(web=[config("b", key="2")])
    manual = SyncPolicy(automated=False)
    world.declare(world.unit("web", sources=BOTH, policy=manual, operation=Operation("op", revisions=(first, second))))
    await world.settle()
    data = [world.cluster.objects[ref(name)]["data"] for name in ("a", "b")]
    assert data == [{"key": "1"}, {"key": "1"}]


async def test_a_unit_waits_until_those_it_depends_on_are_ready_at_each_shared_revision(world: World) -> None:
    base = two(world, name="base", gate=HealthGate(wait=True))
    unit = two(world, depends_on=(Dependency(base.ref),))
    world.declare(base, unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit_second(web=[config("b", key="1")])
    assert world.report(unit).phase is UnitPhase.SETTLED
    world.cluster.set_health_once_written(ref("b"), HealthStatus.PROGRESSING)
    await world.commit_second(web=[config("b", key="2")])
    assert world.report(unit).reason is Reason.DEPENDENCY_NOT_READY
    world.cluster.set_health(ref("b"), HealthStatus.HEALTHY)
    await world.settle()
    assert world.report(unit).phase is UnitPhase.SETTLED


async def test_a_source_that_fails_takes_nothing_away(world: World) -> None:
    from trueup.core.model.artifact import Fault, SourceError

    unit = two(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    await world.commit_second(web=[config("b", key="1")])
    world.second.fault = SourceError(Fault.UNREACHABLE, "no route")
    world.engine.source_controller.poll_now(SECOND)
    await world.commit(web=[config("a", key="2")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": "2"}
    assert set(world.cluster.objects) == {ref("a"), ref("b")}


async def test_a_repository_that_no_source_follows_any_more_is_given_up(world: World) -> None:
    await world.commit(web=[config("a")])
    twin = SOURCE._replace(name="twin")
    spec = GitSpec("https://x/r", GitRef(tag="v1"))
    world.engine.declare_source(SourceDeclaration(twin, "uid3", 1, spec))
    world.engine.withdraw_source(SOURCE)
    assert world.repository.forgotten == [], "another source follows it"
    world.engine.declare_source(SourceDeclaration(twin, "uid3", 2, GitSpec("https://x/other", GitRef(tag="v1"))))
    assert world.repository.forgotten == ["https://x/r"]
    world.engine.withdraw_source(twin)
    assert world.repository.forgotten == ["https://x/r", "https://x/other"]


class _ByRevision(msgspec.Struct, frozen=True):
    """A recipe that has the revision put in: a folder of the commit's last digit. Implements `LateRecipe`."""

    files: tuple[str, ...] = ()
    by_revision: bool = True
    by_cluster: bool = False

    def complete(self, facts: RevisionFacts) -> CompleteRecipe:
        return CompleteRecipe(DirectoryRecipe(path=facts.revision[-1]), ("told",))


async def test_a_recipe_that_holds_the_revision_is_another_one_for_each_commit(world: World) -> None:
    late = UnitSource(SOURCE, DirectoryRecipe(path="web"), late=_ByRevision())
    unit, other = two(world, (late, UnitSource(SECOND, name="values"))), world.unit("other")
    world.declare(unit, other)
    await world.commit_second(web=[config("b", key="1")])
    folders = {str(number): [config("a", key=str(number))] for number in range(1, 9)}
    first = await world.commit(**folders, web=[config("c", key="1")])
    assert world.cluster.objects[ref("a")]["data"] == {"key": first[-1]}
    assert "told" in {notice.message for notice in world.report(unit).notices}
    renders = world.renderer.renders
    await world.later(31)
    await world.restart()
    assert world.renderer.renders == renders, "the same revision is the same recipe"
    second = await world.commit(**folders, web=[config("c", key="1")], more=[])
    assert second[-1] != first[-1] and world.cluster.objects[ref("a")]["data"] == {"key": second[-1]}


async def test_a_return_reads_files_of_the_first_source_by_its_name_again(world: World) -> None:
    """The first source delivers nothing: what is recalled of it is its name and its revision, and no recipe."""
    sources = (UnitSource(SOURCE, name="values"), UnitSource(SECOND, DirectoryRecipe(path="web")))
    unit = two(world, sources, gate=HealthGate(wait=True))
    world.declare(unit)
    await world.commit(web=[config("v", key="1")])
    await world.commit_second(web=[config("b", key="1")])
    good = world.cluster.objects[ref("b")]["metadata"]["annotations"]["values"]
    world.cluster.set_health_once_written(ref("b"), HealthStatus.DEGRADED, "crash")
    await world.commit(web=[config("v", key="2")])
    # Nothing of the good inputs is in memory after a restart.
    await world.restart()
    await world.later(4)
    world.cluster.set_health(ref("b"), HealthStatus.HEALTHY)
    await world.settle()
    state = world.state(unit)
    assert world.cluster.objects[ref("b")]["metadata"]["annotations"]["values"] == good
    assert state.held is not None and len(state.held.returned_revisions) == 2
    assert state.good is not None and (state.good.name, state.good.recipe) == ("values", None)
