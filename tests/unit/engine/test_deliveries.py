"""A second delivery of its own making: admission, verdict, rollback, history and status work for it unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec
import pytest_asyncio

from support.engine import World, config
from trueup.core.health import Health, HealthStatus
from trueup.core.model.deployment_record import Cause, Ending
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, ObjectRef, digest_of
from trueup.core.model.recipe import RenderResult
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import HealthGate, SyncPolicy, Unit
from trueup.core.plan.desired import Prepared
from trueup.core.plan.tasks import Action, Step
from trueup.core.ports import Acting, Applied, ApplyError


class Release(msgspec.Struct):
    """What lives: the version that was installed last, and how it fares."""

    version: int
    content: str
    healthy: bool


class Releases:
    """Installs all that a unit renders as one release with a version of its own, as package managers do."""

    def __init__(self) -> None:
        self.installed: dict[ObjectRef, Release] = {}
        self.done: list[tuple[Action, str]] = []
        self.refuse = ""

    async def want(self, unit: Unit, result: RenderResult) -> Prepared:
        body = {
            "apiVersion": "example.com/v1",
            "kind": "Release",
            "metadata": {"name": unit.ref.name},
            "content": [item.body for item in result.objects],
        }
        desired = (Desired.of(body),)
        return Prepared(desired, (), (), (), digest_of([item.digest for item in desired]))

    async def observe(self, unit: Unit, refs: Iterable[ObjectRef]) -> None: ...

    def live(self, unit: Unit, ref: ObjectRef) -> Live | Presence:
        found = self.installed.get(ref)
        if found is None:
            return Presence.ABSENT
        status = HealthStatus.HEALTHY if found.healthy else HealthStatus.DEGRADED
        health = Health(status, "" if found.healthy else "the release failed: invalid image name")
        return Live(ref, "uid", str(found.version), found.content, health)

    def missing(self, unit: Unit, ref: ObjectRef) -> str:
        return ""

    async def holding(self, unit: Unit, refs: Iterable[ObjectRef], own: frozenset[ObjectRef]) -> dict[ObjectRef, str]:
        return {}

    async def prepare(self, unit: Unit, wanted: Sequence[Desired], acting: Acting) -> None: ...

    async def try_out(self, unit: Unit, step: Step, acting: Acting) -> None:
        if self.refuse:
            raise ApplyError(step.ref, "Invalid", self.refuse)

    async def carry_out(self, unit: Unit, step: Step, acting: Acting) -> Applied:
        self.done.append((step.action, step.ref.name))
        if step.action is Action.PRUNE:
            del self.installed[step.ref]
            return Applied(None, True)
        assert step.desired is not None
        before = self.installed.get(step.ref)
        text = step.desired.raw.decode()
        self.installed[step.ref] = Release((before.version if before else 0) + 1, digest_of(text), "bad" not in text)
        live = self.live(unit, step.ref)
        return Applied(live if isinstance(live, Live) else None, True)

    async def usable(self, unit: Unit, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        return ()


class ReleaseWorld(World):
    def __init__(self) -> None:
        self.releases = Releases()
        super().__init__(deliveries={"release": self.releases})


@pytest_asyncio.fixture
async def world() -> AsyncIterator[ReleaseWorld]:
    made = ReleaseWorld()
    await made.engine.start()
    yield made
    await made.engine.stop()


def release(world: World, **more: object) -> Unit:
    return world.unit("web", delivery="release", gate=HealthGate(wait=True), policy=SyncPolicy(prune=True), **more)


REF = ObjectRef("example.com", "Release", "", "web")


async def test_it_is_installed_upgraded_and_left_alone_when_nothing_changed(world: ReleaseWorld) -> None:
    unit = release(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    assert world.report(unit).phase is UnitPhase.SETTLED and not world.cluster.writes
    await world.commit(web=[config("a", key="2")])
    await world.commit(other=[config("x")], web=[config("a", key="2")])
    assert [action for action, _ in world.releases.done] == [Action.CREATE, Action.CHANGE]
    assert world.releases.installed[REF].version == 2
    assert [entry.ref for entry in world.state(unit).inventory.entries] == [REF]
    records = [(record.cause, record.ending) for record in world.event_sink.records]
    assert records == [(Cause.CHANGE, Ending.GOOD), (Cause.CHANGE, Ending.GOOD)]
    await world.restart()
    assert len(world.releases.done) == 2, "a restart installs nothing"


async def test_a_bad_release_is_rolled_back_by_the_rules_of_all(world: ReleaseWorld) -> None:
    unit = release(world)
    world.declare(unit)
    good = await world.commit(web=[config("a", key="1")])
    bad = await world.commit(web=[config("a", key="bad")])
    await world.later(61)
    report = world.report(unit)
    assert report.phase is UnitPhase.HELD and "invalid image name" in report.message
    assert world.releases.installed[REF].version == 3 and world.releases.installed[REF].healthy
    state = world.state(unit)
    assert state.held is not None and bad in state.held.revision
    assert state.good is not None and good in state.good.revision
    assert [record.cause for record in world.event_sink.records][-1] is Cause.RETURN
    await world.commit(web=[config("a", key="3")])
    assert world.report(unit).phase is UnitPhase.SETTLED and world.state(unit).held is None


async def test_what_would_be_refused_is_found_out_before(world: ReleaseWorld) -> None:
    unit = release(world)
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.releases.refuse = "the chart wants a newer cluster"
    await world.commit(web=[config("a", key="2")])
    assert world.releases.installed[REF].version == 1
    assert "the chart wants a newer cluster" in world.report(unit).message


async def test_drift_is_healed_and_the_end_of_the_unit_removes_it(world: ReleaseWorld) -> None:
    unit = release(world, finalizer="x/y")
    world.declare(unit)
    await world.commit(web=[config("a", key="1")])
    world.releases.installed[REF].content = "somebody rolled it back by hand"
    world.engine.object_changed(REF)
    await world.settle()
    assert world.releases.done[-1] == (Action.HEAL, "web")
    world.declare(release(world, finalizer="x/y", deleting=True))
    await world.settle()
    assert not world.releases.installed
    assert world.releases.done[-1] == (Action.PRUNE, "web")


async def test_a_unit_that_names_an_unknown_delivery_is_told_so(world: ReleaseWorld) -> None:
    unit = world.unit("web", delivery="pigeons")
    world.declare(unit)
    await world.commit(web=[config("a")])
    report = world.report(unit)
    assert report.phase is UnitPhase.FAILED and report.stalled
    assert report.message == "it asks to be delivered by 'pigeons', which is not installed; known are objects, release"
