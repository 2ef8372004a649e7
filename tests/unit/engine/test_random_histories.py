"""Three units share ten objects, and anything may happen: at the end the cluster is Git.

Commits that add, change, remove and move objects between units, edits and removals by hand, restarts, suspensions and
time, in any order. What Git wants all along is never removed, and what is others' is never touched.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.engine import World, config, ref
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import Retry, SyncPolicy, Unit
from trueup.core.plan.tasks import Action

UNITS = ("one", "two", "three")
OBJECTS = tuple(f"o{number}" for number in range(10))
FOREIGN = ("theirs-1", "theirs-2")
POLICY = SyncPolicy(prune=True, allow_empty=True, retry=Retry(limit=-1, base=1, factor=1, cap=1))

OWNERS = st.lists(st.sampled_from((*UNITS, "")), min_size=len(OBJECTS), max_size=len(OBJECTS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), OWNERS, st.integers(0, 3)),
        st.tuples(st.just("edit"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("delete"), st.sampled_from(OBJECTS)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("suspend"), st.sampled_from(UNITS)),
        st.tuples(st.just("resume"), st.sampled_from(UNITS)),
        st.tuples(st.just("later"), st.integers(1, 400)),
    ),
    min_size=1,
    max_size=14,
)


class History:
    """What Git says, what happens, and what must hold all along."""

    def __init__(self) -> None:
        self.world = World()
        self.units: dict[str, Unit] = {name: self.world.unit(name, policy=POLICY) for name in UNITS}
        self.wanted: dict[str, Body] = {}
        for name in FOREIGN:
            self.world.cluster.objects[ref(name)] = config(name, key="theirs")

    async def begin(self) -> None:
        await self.world.engine.start()
        self.world.declare(*self.units.values())

    async def step(self, kind: str, *given: Any) -> None:
        world, seen = self.world, len(self.world.cluster.writes)
        kept = set(self.wanted)
        if kind == "commit":
            await self.commit(*given)
        elif kind in ("edit", "delete") and ref(given[0]) in world.cluster.objects:
            world.cluster.edit(ref(given[0]), data={"by": "hand"}) if kind == "edit" else world.cluster.remove(
                ref(given[0])
            )
        elif kind == "restart":
            await world.restart()
            seen = 0
        elif kind in ("suspend", "resume"):
            self.units[given[0]] = msgspec.structs.replace(self.units[given[0]], suspended=kind == "suspend")
            world.declare(self.units[given[0]])
        elif kind == "later":
            await world.later(given[0])
        await world.settle()
        kept &= set(self.wanted)
        removed = {one.name for action, one in world.cluster.writes[seen:] if action is Action.PRUNE}
        assert not removed & kept, f"{removed & kept} are wanted before and after, and were removed"
        assert not removed & set(FOREIGN)

    async def commit(self, owners: list[str], content: int) -> None:
        folders: dict[str, list[Body]] = {name: [] for name in UNITS}
        self.wanted = {}
        for name, owner in zip(OBJECTS, owners, strict=True):
            if owner:
                self.wanted[name] = config(name, key=str(content))
                folders[owner].append(self.wanted[name])
        await self.world.commit(**folders)

    async def end(self) -> None:
        """Nobody is suspended any more, and time passes."""
        world = self.world
        for name in UNITS:
            await self.step("resume", name)
        for _ in range(8):
            await self.step("later", 400)
        lives = {one.name: body["data"] for one, body in world.cluster.objects.items()}
        expected = {name: body["data"] for name, body in self.wanted.items()}
        assert lives == {**expected, **{name: {"key": "theirs"} for name in FOREIGN}}
        assert {name: world.report(unit).phase for name, unit in self.units.items()} == dict.fromkeys(
            UNITS, UnitPhase.SETTLED
        )
        owned: list[ObjectRef] = []
        for unit in self.units.values():
            state = world.states.stored.get(unit.ref)
            owned += sorted(state.inventory.refs) if state is not None else []
        assert sorted(owned) == sorted(ref(name) for name in self.wanted), "each object has one owner"


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_at_the_end_the_cluster_is_git(steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        history = History()
        await history.begin()
        try:
            await history.step("commit", [UNITS[number % 3] for number in range(len(OBJECTS))], 0)
            for one in steps:
                await history.step(*one)
            await history.end()
        finally:
            await history.world.engine.stop()

    asyncio.run(run())
