"""What moves from one unit to another is never removed in between, however long the other takes."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from support.engine import SOURCE, World, claim, claim_ref, config, ref
from trueup.core.model.artifact import Revision, SourceCredentials, SourceSpec
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import LOCAL, ObjectRef
from trueup.core.model.recipe import DirectoryRecipe
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Dependency, Operation, SourceDeclaration, SyncPolicy, ValueRef
from trueup.core.plan.tasks import Action
from trueup.core.ports import ApplyError
from trueup.testing import FakeRepository, quiesce

PRUNE = SyncPolicy(prune=True)
LOST = (Action.PRUNE, claim_ref("data"))


async def test_to_a_unit_that_depends_on_the_one_that_loses_it(world: World) -> None:
    base = world.unit("base", policy=PRUNE)
    apps = world.unit("apps", policy=PRUNE, depends_on=(Dependency(base.ref),))
    world.declare(base, apps)
    await world.commit(base=[config("x"), claim("data")], apps=[config("y")])
    await world.later(1)
    world.cluster.writes.clear()
    await world.commit(base=[config("x")], apps=[config("y"), claim("data")])
    for _ in range(8):
        await world.later(1)
    assert LOST not in world.cluster.writes
    assert world.report(apps).phase is world.report(base).phase is UnitPhase.SETTLED
    assert world.engine.owners.owners(LOCAL, claim_ref("data")) == (apps.ref,)


async def test_to_a_unit_that_says_so_while_the_cluster_is_asked(world: World) -> None:
    base, apps = world.unit("base", policy=PRUNE), world.unit("apps", policy=PRUNE)
    world.declare(base, apps)
    await world.commit(base=[config("x"), claim("data")], apps=[config("y")])
    world.cluster.writes.clear()

    async def holding(ref_: ObjectRef, own: frozenset[ObjectRef]) -> str:
        await quiesce(200)
        return ""

    world.cluster.holding = holding  # type: ignore[method-assign]
    await world.commit(base=[config("x")], apps=[config("y"), claim("data")])
    for _ in range(4):
        await world.later(1)
    assert LOST not in world.cluster.writes


async def test_to_a_unit_that_cannot_be_rendered_for_a_long_time(world: World) -> None:
    one = world.unit("one", policy=PRUNE)
    two = world.unit("two", policy=PRUNE, inputs=(ValueRef("Secret", "default", "s"),))
    world.declare(one, two)
    world.values.data[("Secret", "default", "s")] = {"k": b"1"}
    await world.commit(one=[config("x"), claim("data")], two=[config("y")])
    world.cluster.writes.clear()
    del world.values.data[("Secret", "default", "s")]
    await world.commit(one=[config("x")], two=[config("y"), claim("data")])
    for _ in range(8):
        await world.later(100)
    assert LOST not in world.cluster.writes
    assert "Unit/default/two" in world.report(one).message and "does not exist" in world.report(one).message
    world.values.data[("Secret", "default", "s")] = {"k": b"1"}
    for _ in range(4):
        await world.later(100)
    assert LOST not in world.cluster.writes and world.report(one).phase is UnitPhase.SETTLED


async def test_a_sync_by_hand_waits_for_nobody(world: World) -> None:
    one = world.unit("one", policy=PRUNE)
    two = world.unit("two", policy=PRUNE, inputs=(ValueRef("Secret", "default", "s"),))
    world.declare(one, two)
    await world.commit(one=[config("x"), config("gone")], two=[config("y")])
    await world.commit(one=[config("x")], two=[config("y")])
    await world.later(100)
    assert ref("gone") in world.cluster.objects
    world.declare(msgspec.structs.replace(one, operation=Operation("now", prune=True)))
    await world.settle()
    assert ref("gone") not in world.cluster.objects


async def test_a_unit_that_is_renamed_hands_everything_to_its_successor(world: World) -> None:
    old = world.unit("old", policy=PRUNE, finalizer="f")
    world.declare(old)
    await world.commit(old=[claim("data")])
    gate = asyncio.Event()
    real = world.renderer.render

    async def slowly(*args: object) -> object:
        await gate.wait()
        return await real(*args)  # type: ignore[arg-type]

    world.renderer.render = slowly  # type: ignore[method-assign,assignment]
    world.cluster.writes.clear()
    new = world.unit("new", policy=PRUNE, recipe=old.recipe)
    world.engine.declare(new)
    world.engine.declare(msgspec.structs.replace(old, deleting=True))
    await quiesce(200)
    gate.set()
    await world.settle()
    await world.later(1)
    assert LOST not in world.cluster.writes and claim_ref("data") in world.cluster.objects


async def test_what_git_gives_to_a_suspended_unit_is_not_removed(world: World) -> None:
    old, new = world.unit("old", policy=PRUNE), world.unit("new", policy=PRUNE, suspended=True)
    world.declare(old, new)
    await world.commit(old=[config("a"), config("b")], new=[])
    await world.commit(old=[config("b")], new=[config("a")])
    await world.later(400)
    assert ref("a") in world.cluster.objects
    assert world.report(new).phase is UnitPhase.SUSPENDED
    assert ref("a") in world.state(old).inventory.refs, "somebody has to know of it until the other unit has it"
    await world.restart()
    assert ref("a") in world.cluster.objects
    world.declare(world.unit("new", policy=PRUNE, generation=2))
    await world.settle()
    assert ref("a") in world.state(new).inventory.refs
    assert ref("a") not in world.state(old).inventory.refs


async def test_a_deleted_unit_waits_until_its_successor_has_taken_everything(world: World) -> None:
    first = world.unit("first", finalizer=True)
    world.declare(first)
    await world.commit(first=[config("a")])
    world.cluster.refuse[ref("a")] = ApplyError(ref("a"), "Forbidden", "not now", retry=True)
    second = world.unit("second", recipe=DirectoryRecipe(path="first"))
    first = msgspec.structs.replace(first, deleting=True)
    world.declare(first, second)
    await world.settle()
    await world.later(1)
    assert first.ref in world.finalizers.held
    assert "waiting until other units have taken over" in world.report(first).message
    assert "second" in world.report(first).message
    world.cluster.refuse.clear()
    await world.later(10)
    assert first.ref not in world.finalizers.held and ref("a") in world.cluster.objects


async def test_a_deleted_unit_whose_successor_is_refused_goes_when_that_is_approved(world: World) -> None:
    first = world.unit("first", finalizer=True)
    world.declare(first)
    await world.commit(first=[config("a"), config("b")])
    world.cluster.refuse[ref("a")] = ApplyError(ref("a"), "Forbidden", "never")
    second = world.unit("second", recipe=DirectoryRecipe(path="second"))
    before = world.clock.wall()
    first = msgspec.structs.replace(first, deleting=True, approved=before)
    world.declare(second)
    await world.commit(second=[config("a")])
    await world.later(10)
    world.declare(first)
    await world.later(10)
    assert first.ref in world.finalizers.held, "an approval from before the question answers nothing"
    assert "to leave them as they are and be gone, approve it" in world.report(first).message
    question = world.state(first).question
    await world.later(10)
    assert world.state(first).question == question, "it is asked once"
    world.declare(msgspec.structs.replace(first, approved=world.clock.wall()))
    await world.later(10)
    assert first.ref not in world.finalizers.held
    assert ref("a") in world.cluster.objects and ref("b") not in world.cluster.objects


async def test_a_deleted_unit_does_not_wait_for_who_leaves_the_object_alone(world: World) -> None:
    first = world.unit("first", finalizer=True)
    world.declare(first)
    await world.commit(first=[config("a")], second=[])
    second = world.unit("second")
    first = msgspec.structs.replace(first, deleting=True)
    ignored = config("a")
    ignored["metadata"]["annotations"] = {"apply": "ignore"}
    world.declare(second)
    await world.commit(second=[ignored])
    world.declare(first)
    await world.later(10)
    assert first.ref not in world.finalizers.held and ref("a") in world.cluster.objects


async def test_units_that_are_deleted_together_do_not_wait_for_each_other(world: World) -> None:
    units = [world.unit(name, finalizer=True, recipe=DirectoryRecipe(path="both")) for name in ("first", "second")]
    world.declare(*units)
    await world.commit(both=[config("a")])
    world.declare(*(msgspec.structs.replace(unit, deleting=True) for unit in units))
    for _ in range(4):
        await world.later(10)
    assert not world.finalizers.held and ref("a") not in world.cluster.objects


class Uneven(FakeRepository):
    """A repository of which one source, that with `sparse`, learns of a commit when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        if isinstance(spec, GitSpec) and spec.sparse:
            await self.answers.wait()
        return await super().resolve(spec, credentials, at, fresh)


@pytest.mark.parametrize("suspended", [False, True])
async def test_what_moves_to_a_unit_of_another_source_of_the_branch_is_not_removed(suspended: bool) -> None:
    world = World()
    uneven = world.repository = Uneven()
    world.renderer = type(world.renderer)(world.repository)
    await world.engine.stop()
    world.engine = world._engine()
    await world.engine.start()
    late = ObjectRef("example.com", "Repository", "default", "late")
    declaration = SourceDeclaration(late, "uid3", 1, GitSpec("https://x/r", GitRef(branch="main"), sparse=(".",)))
    world.engine.declare_source(declaration)
    one = world.unit("one", policy=PRUNE)
    two = world.unit("two", policy=PRUNE)
    two = msgspec.structs.replace(two, sources=(msgspec.structs.replace(two.sources[0], ref=late),))
    world.declare(one, two)
    await world.commit(one=[claim("data"), config("a")], two=[config("b")])
    assert world.report(two).phase is UnitPhase.SETTLED
    if suspended:
        world.engine.declare_source(msgspec.structs.replace(declaration, suspended=True))
        await world.settle()
    uneven.answers.clear()
    uneven.commit({"one": [config("a")], "two": [config("b"), claim("data")]})
    world.engine.source_controller.poll_now(SOURCE)
    await quiesce()
    await world.engine.queue.idle()
    assert "Unit/default/two" in world.report(one).message
    assert ("Repository/default/late is suspended" in world.report(one).message) is suspended
    uneven.answers.set()
    world.engine.declare_source(declaration)
    await world.settle()
    await world.later(10)
    assert (Action.PRUNE, claim_ref("data")) not in world.cluster.writes
    assert world.state(two).inventory.refs >= {claim_ref("data")}
    assert claim_ref("data") not in world.state(one).inventory.refs
    await world.engine.stop()


async def test_what_a_refused_commit_wanted_is_free_again_when_git_goes_back(world: World) -> None:
    one, two = world.unit("one", policy=PRUNE), world.unit("two", policy=PRUNE)
    world.declare(one, two)
    await world.commit(one=[config("a", key="1")], two=[config("b", key="1")])
    world.cluster.refuse[ref("a")] = ApplyError(ref("a"), "Forbidden", "not now", retry=True)
    await world.commit(one=[], two=[config("b", key="1"), config("a", key="2")])
    assert world.report(two).phase is UnitPhase.FAILED
    await world.restart()
    world.cluster.refuse.clear()
    await world.commit(one=[config("a", key="1")], two=[config("b", key="1")])
    await world.later(60)
    assert world.report(one).phase is world.report(two).phase is UnitPhase.SETTLED, world.report(one).message
    assert world.cluster.objects[ref("a")]["data"] == {"key": "1"}
