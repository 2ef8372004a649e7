"""A restart is invisible: what is not known yet is not reported, and what was known before is used again."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from support.engine import SOURCE, World, config, ref
from trueup.core.model.artifact import Resolved, Revision, SourceCredentials, SourceSpec
from trueup.core.model.events import SourcePolled
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import LOCAL
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.unit import Dependency, SourceDeclaration
from trueup.testing import FakeRepository, quiesce


class SlowRepository(FakeRepository):
    """A repository whose remote answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        await self.answers.wait()
        return await super().resolve(spec, credentials, at, fresh)


async def begun_anew(world: World) -> None:
    """Lose what the process knew, and begin again, without waiting for anything."""
    units = world.engine.registry.all()
    await world.engine.stop()
    world.engine = world._engine()
    world.reports.seen.clear()
    world.declare(*units)
    await world.engine.start()
    await quiesce()
    await world.engine.queue.idle()


@pytest.fixture
async def delivered() -> World:
    """A world with a slow remote, in which a unit and one that depends on it were delivered."""
    world = World()
    world.repository = SlowRepository()
    world.renderer = type(world.renderer)(world.repository)
    await world.engine.stop()
    world.engine = world._engine()
    await world.engine.start()
    first = world.unit("first")
    second = world.unit("second", depends_on=(Dependency(first.ref),))
    world.declare(first, second)
    await world.commit(first=[config("a")], second=[config("b")])
    assert world.report(second).phase is UnitPhase.SETTLED
    return world


async def test_nothing_is_reported_until_the_remote_has_answered(delivered: World) -> None:
    world = delivered
    assert isinstance(world.repository, SlowRepository)
    world.repository.answers.clear()
    await begun_anew(world)
    assert world.reports.seen == []
    world.repository.answers.set()
    await world.settle()
    phases = [(unit.name, report.phase) for unit, report in world.reports.seen]
    assert phases == [("first", UnitPhase.SETTLED), ("second", UnitPhase.SETTLED)]
    await world.engine.stop()


async def test_a_new_unit_is_told_what_it_waits_for(delivered: World) -> None:
    world = delivered
    assert isinstance(world.repository, SlowRepository)
    world.repository.answers.clear()
    await begun_anew(world)
    new = world.unit("new")
    world.engine.declare(new)
    await quiesce()
    assert world.report(new).reason is Reason.SOURCE_NOT_READY
    world.repository.answers.set()
    await world.engine.stop()


async def test_what_goes_wrong_during_the_restart_is_reported_to_all_that_wait(delivered: World) -> None:
    world = delivered
    first, second = world.engine.registry.all()
    # Whoever edited the first one while the process was away has made a mistake.
    world.engine.registry.put(msgspec.structs.replace(first, problems=("spec.path is no text",)))
    await begun_anew(world)
    await world.settle()
    assert world.report(first).phase is UnitPhase.FAILED
    assert "first is not ready" in world.report(second).message
    await world.engine.stop()


async def test_a_suspended_source_gives_what_it_had_before_a_restart(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    commit = await world.commit(web=[config("a")])
    suspended = SourceDeclaration(
        SOURCE,
        "uid",
        1,
        GitSpec("https://x/r", GitRef(branch="main")),
        suspended=True,
        remembered=f"main@sha1:{commit}",
    )
    await world.engine.stop()
    world.engine = world._engine()
    world.engine.declare_source(suspended)
    world.engine.declare(unit)
    await world.engine.start()
    await world.settle()
    assert world.report(unit).phase is UnitPhase.SETTLED
    del world.cluster.objects[ref("a")]
    world.engine.object_changed(ref("a"))
    await world.settle()
    assert ref("a") in world.cluster.objects


async def test_units_that_depend_on_each_other_are_named(world: World) -> None:
    a = world.unit("a")
    b = world.unit("b", depends_on=(Dependency(a.ref),))
    c = world.unit("c", depends_on=(Dependency(b.ref),))
    world.declare(a, b, c)
    await world.commit(a=[config("a")], b=[config("b")], c=[config("c")])
    a = msgspec.structs.replace(a, depends_on=(Dependency(c.ref),))
    world.declare(a)
    await world.restart()
    for unit in (a, b, c):
        assert world.report(unit).phase is UnitPhase.WAITING
        assert "these depend on each other" in world.report(unit).message
        assert all(f"default/{name}" in world.report(unit).message for name in "abc")


async def test_a_unit_or_source_that_goes_meanwhile_reports_nothing_more() -> None:
    world = World()
    world.repository = slow = SlowRepository()
    world.renderer = type(world.renderer)(slow)
    world.engine = world._engine()
    await world.engine.start()
    unit = world.unit("web")
    world.declare(unit)
    slow.commit({"web": [config("a")]})
    slow.answers.clear()
    await quiesce()
    world.engine.withdraw_source(SOURCE)
    slow.answers.set()
    await world.settle()
    assert not [
        event
        for event in world.event_sink.events
        if isinstance(event, SourcePolled) and event.declaration.ref == SOURCE
    ]
    await world.engine.stop()


async def test_a_unit_that_goes_while_it_is_delivered_leaves_no_claim(world: World) -> None:
    unit = world.unit("web")
    world.declare(unit)
    ids = world.repository.ids

    async def withdrawn_meanwhile(resolved: Resolved) -> object:
        world.engine.withdraw(unit.ref)
        return await ids(resolved)

    world.repository.ids = withdrawn_meanwhile  # type: ignore[method-assign,assignment]
    await world.commit(web=[config("a")])
    assert world.cluster.writes == [] and unit.ref not in world.reports.units
    assert not world.engine.owners.owners(LOCAL, ref("a"))
