"""Whatever happens in whatever order: what is held back is never written, and everything comes to rest."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.engine import World, config, ref
from trueup.core.health import HealthStatus
from trueup.core.model.unit import Dependency, HealthGate, Operation, Unit
from trueup.core.plan.tasks import Step
from trueup.core.ports import Acting, Applied
from trueup.core.rollback.pinning import PinAction, Request

NAMES = ("web", "db")
SICK = {"web": {"3", "4"}, "db": {"4"}}
"""Content with which each unit is sick; `broken` may make any content sick."""

ACTIONS = st.one_of(
    st.tuples(st.just("commit"), st.sampled_from("1234"), st.sampled_from("1234")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 30, 400])),
    st.tuples(st.just("edit"), st.sampled_from(NAMES)),
    st.tuples(st.just("break"), st.sampled_from(NAMES)),
    st.tuples(st.just("mend")),
    st.tuples(st.just("pin"), st.sampled_from(NAMES)),
    st.tuples(st.just("unpin"), st.sampled_from(NAMES)),
    st.tuples(st.just("retry"), st.sampled_from(NAMES)),
    st.tuples(st.just("crash"), st.integers(1, 6), st.sampled_from("1234"), st.sampled_from("1234")),
)


class Story:
    """Two units of one source, of which web depends on db, and a cluster that judges by content."""

    def __init__(self) -> None:
        self.world = World()
        db = self.world.unit("db", gate=HealthGate(wait=True))
        web = self.world.unit("web", gate=HealthGate(wait=True), depends_on=(Dependency(db.ref),))
        self.units: dict[str, Unit] = {"web": web, "db": db}
        self.broken: set[str] = set()
        self.tokens = 0
        self.left = 0
        self.written = self.world.cluster.write
        self.world.cluster.write = self.write  # type: ignore[method-assign]

    async def write(self, step: Step, acting: Acting) -> Applied:
        name = step.ref.name
        state = self.world.states.get(self.units[name])
        assert step.desired is not None
        content = step.desired.body()["data"]["key"]
        if state.held is not None and state.pin is None:
            commit = state.held.revision.rpartition(":")[2]
            held = self.world.repository.commits[commit].folders[name][0]["data"]["key"]
            assert content != held, f"{name}: what is held back is written"
        applied = await self.written(step, acting)
        self.judge()
        return applied

    def tick(self) -> None:
        """Count down to the write after which the process is dead: nothing it does then reaches anything."""
        self.left -= 1
        if self.left == 0:
            self.world.cluster.fence.open = False

    def judge(self) -> None:
        for name in NAMES:
            live = self.world.cluster.objects.get(ref(name))
            if live is not None:
                sick = name in self.broken or live["data"].get("key") in SICK[name]
                self.world.cluster.set_health(ref(name), HealthStatus.DEGRADED if sick else HealthStatus.HEALTHY, "x")

    async def act(self, action: tuple[Any, ...]) -> None:
        world = self.world
        match action:
            case ("commit", web, db):
                await world.commit(web=[config("web", key=web)], db=[config("db", key=db)])
            case ("crash", writes, web, db):
                self.left = writes
                world.cluster.before_write = world.states.before_write = self.tick
                await world.commit(web=[config("web", key=web)], db=[config("db", key=db)])
                for _ in range(3):
                    await world.later(4)
                self.left, world.cluster.fence.open = 0, True
                await world.restart()
            case ("restart",):
                await world.restart()
            case ("wait", seconds):
                await world.later(seconds)
            case ("edit", name) if ref(name) in world.cluster.objects:
                world.cluster.edit(ref(name), data={"key": "by hand"})
            case ("break", name):
                self.broken.add(name)
            case ("mend",):
                self.broken.clear()
            case (("pin" | "unpin") as wish, name):
                self.tokens += 1
                world.engine.request(self.units[name].ref, Request(PinAction(wish), str(self.tokens)))
            case ("retry", name):
                self.tokens += 1
                self.units[name] = msgspec.structs.replace(self.units[name], operation=Operation(str(self.tokens)))
                world.declare(self.units[name])
        self.judge()
        await world.settle()


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, min_size=3, max_size=14))
@example([("commit", "3", "1"), ("commit", "1", "4"), ("wait", 30)])
def test_no_order_of_events_writes_what_is_held_or_goes_on_for_ever(actions: list[tuple[Any, ...]]) -> None:
    asyncio.run(_told(actions))


async def _told(actions: list[tuple[Any, ...]]) -> None:
    story = Story()
    world = story.world
    await world.engine.start()
    try:
        world.declare(*story.units.values())
        await story.act(("commit", "1", "1"))
        for action in actions:
            await story.act(action)
        for _ in range(8):
            await world.later(1000)
            story.judge()
            await world.settle()
        world.cluster.writes.clear()
        for _ in range(4):
            await world.later(1000)
        assert world.cluster.writes == [], "it does not come to rest"
        if all(action[0] in ("commit", "restart", "wait", "crash") for action in actions):
            for name in NAMES:
                content = world.cluster.objects[ref(name)]["data"]["key"]
                assert content not in SICK[name], f"{name}: what made it sick was not taken back"
        for name, unit in story.units.items():
            state = world.states.get(unit)
            if state.pin is None and name not in story.broken and state.held is not None and not state.held.stopped:
                assert world.cluster.objects[ref(name)]["data"]["key"] not in SICK[name], "held, and still sick"
    finally:
        await world.engine.stop()
