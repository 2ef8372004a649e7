"""Three units share ten objects, and anything may happen: at the end the cluster is Git.

Commits that add, change, remove and move objects between units, edits and removals by hand, refusals, restarts, crashes
between two writes, units that are renamed, suspensions and time, in any order. What Git wants all along is never
removed, and what is others' is never touched.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.engine import World, config, ref
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Retry, SyncPolicy, TrackingLabels, Unit
from trueup.core.plan.tasks import Action
from trueup.core.ports import ApplyError, Fenced

UNITS = ("one", "two", "three")
OBJECTS = tuple(f"o{number}" for number in range(10))
FOREIGN = ("theirs-1", "theirs-2")
POLICY = SyncPolicy(prune=True, allow_empty=True, retry=Retry(limit=-1, base=1, factor=1, cap=1))
EXAMPLES = int(os.environ.get("TRUEUP_TEST_HISTORIES", "150"))

OWNERS = st.lists(st.sampled_from((*UNITS, "")), min_size=len(OBJECTS), max_size=len(OBJECTS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), OWNERS, st.integers(0, 3)),
        st.tuples(st.just("move"), st.sampled_from(OBJECTS), st.sampled_from((*UNITS, ""))),
        st.tuples(st.just("crash"), st.integers(1, 12), OWNERS, st.integers(0, 3)),
        st.tuples(st.just("edit"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("delete"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("refuse"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("allow"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("rename"), st.sampled_from(UNITS)),
        st.tuples(st.just("suspend"), st.sampled_from(UNITS)),
        st.tuples(st.just("resume"), st.sampled_from(UNITS)),
        st.tuples(st.just("later"), st.integers(1, 400)),
    ),
    min_size=1,
    max_size=14,
)


def owner_of(body: Body) -> ObjectRef | None:
    """Read the mark that units set here."""
    name = (body["metadata"].get("labels") or {}).get("owner")
    return ObjectRef("example.com", "Unit", "default", name) if name else None


class History:
    """What Git says, what happens, and what must hold all along."""

    def __init__(self) -> None:
        self.world = World()
        self.world.cluster.owner_of = owner_of
        self.units: dict[str, Unit] = {
            name: self.world.unit(name, policy=POLICY, finalizer=True, marks=TrackingLabels({"owner": name}))
            for name in UNITS
        }
        self.going: list[Unit] = []
        self.owners = [UNITS[number % 3] for number in range(len(OBJECTS))]
        self.contents = ["0"] * len(OBJECTS)
        self.left = 0
        for name in FOREIGN:
            self.world.cluster.objects[ref(name)] = config(name, key="theirs")

    @property
    def wanted(self) -> dict[str, str]:
        """What Git says: the content of each object."""
        found = zip(OBJECTS, self.owners, self.contents, strict=True)
        return {name: content for name, owner, content in found if owner}

    async def begin(self) -> None:
        await self.world.engine.start()
        self.world.declare(*self.units.values())
        await self.commit()

    async def step(self, kind: str, *given: Any) -> None:
        world, seen = self.world, len(self.world.cluster.writes)
        kept = set(self.wanted)
        match kind, given:
            case "commit", (owners, content):
                self.owners, self.contents = owners, [str(content)] * len(OBJECTS)
                await self.commit()
            case "move", (name, owner):
                self.owners = [owner if one == name else old for one, old in zip(OBJECTS, self.owners, strict=True)]
                await self.commit()
            case "crash", (writes, owners, content):
                self.owners, self.contents, self.left = owners, [str(content)] * len(OBJECTS), writes
                world.cluster.before_write = world.states.before_write = self.tick
                await self.commit()
                await world.later(2)
                kept &= set(self.wanted)
                self.check(kept, seen)
                seen, self.left = 0, 0
                await world.engine.stop()
                world.cluster.fence.open = True
                await world.restart()
            case "edit", (name,) if ref(name) in world.cluster.objects:
                world.cluster.edit(ref(name), data={"by": "hand"})
            case "delete", (name,) if ref(name) in world.cluster.objects:
                world.cluster.remove(ref(name))
            case "refuse", (name,):
                world.cluster.refuse[ref(name)] = ApplyError(ref(name), "Forbidden", "not now", retry=True)
            case "allow", (name,):
                world.cluster.refuse.pop(ref(name), None)
            case "restart", ():
                seen = 0
                await world.restart()
            case "rename", (name,):
                self.rename(name)
            case "suspend" | "resume", (name,):
                self.units[name] = msgspec.structs.replace(self.units[name], suspended=kind == "suspend")
                world.declare(self.units[name])
            case "later", (seconds,):
                await world.later(seconds)
        await world.settle()
        self.let_go()
        await world.settle()
        self.check(kept & set(self.wanted), seen)

    def check(self, kept: set[str], seen: int) -> None:
        removed = {one.name for action, one in self.world.cluster.writes[seen:] if action is Action.PRUNE}
        assert not removed & kept, f"{removed & kept} are wanted before and after, and were removed"
        assert not removed & set(FOREIGN)

    def tick(self) -> None:
        """Count down to the write after which the process is dead: nothing it does then reaches anything."""
        if not self.world.cluster.fence.open:
            raise Fenced("the process is dead")
        self.left -= 1
        if self.left == 0:
            self.world.cluster.fence.open = False

    def rename(self, name: str) -> None:
        """Delete a unit, and declare another that delivers the same, in one go."""
        old = msgspec.structs.replace(self.units[name], suspended=False, deleting=True)
        new = f"{old.ref.name}x"
        self.units[name] = msgspec.structs.replace(
            old,
            ref=old.ref._replace(name=new),
            uid=new,
            deleting=False,
            marks=TrackingLabels({"owner": new}),
        )
        self.going.append(old)
        self.world.declare(old, self.units[name])

    def let_go(self) -> None:
        """The API server removes what is deleted once its finalizer is gone."""
        for unit in [unit for unit in self.going if unit.ref not in self.world.finalizers.held]:
            self.world.engine.withdraw(unit.ref)
            self.going.remove(unit)

    async def commit(self) -> None:
        folders: dict[str, list[Body]] = {name: [] for name in UNITS}
        for name, owner, content in zip(OBJECTS, self.owners, self.contents, strict=True):
            if owner:
                folders[owner].append(config(name, key=content))
        await self.world.commit(**folders)

    async def end(self) -> None:
        """Nobody is suspended or refused any more, and time passes."""
        world = self.world
        world.cluster.refuse.clear()
        for name in UNITS:
            await self.step("resume", name)
        for _ in range(8):
            await self.step("later", 400)
        lives = {one.name: body["data"] for one, body in world.cluster.objects.items()}
        expected = {name: {"key": content} for name, content in self.wanted.items()}
        assert lives == {**expected, **{name: {"key": "theirs"} for name in FOREIGN}}
        assert {name: world.report(unit).phase for name, unit in self.units.items()} == dict.fromkeys(
            UNITS, UnitPhase.SETTLED
        )
        assert self.going == []
        owned: list[ObjectRef] = []
        for unit in self.units.values():
            state = world.states.stored.get(unit.ref)
            owned += sorted(state.inventory.refs) if state is not None else []
        assert sorted(owned) == sorted(ref(name) for name in self.wanted), "each object has one owner"


@pytest.mark.timeout(1800)
@given(STEPS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_at_the_end_the_cluster_is_git(steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        history = History()
        await history.begin()
        try:
            for one in steps:
                await history.step(*one)
            await history.end()
        finally:
            await history.world.engine.stop()

    asyncio.run(run())
