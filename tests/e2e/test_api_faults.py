"""An API server that answers badly: refusals, cuts and slowness cost time, and never an object."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio

from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository, says, told, working, world
from support.faulty import Fault, FaultyServer, expired, faulty
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

MAPS = ("", "ConfigMap")
ACCOUNTS = ("", "ServiceAccount")
NAMESPACE = "flux-system"
READS = ("list", "watch")
WRITES = ("create", "update", "patch", "delete")

UNREADABLE: tuple[dict[str, Any], ...] = ({"code": 500, "reason": "InternalError"}, {"cut": True})


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"


def account(value: str) -> str:
    """Write the neighbour's object: of another kind, so that faults of the unit's are none of its own."""
    return f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: neighbour, annotations: {{value: '{value}'}}}}\n"


def value_of(body: Body | None) -> Any:
    if body is None:
        return None
    return body["data"]["value"] if "data" in body else body["metadata"].get("annotations", {}).get("value")


class Scene:
    """Two units of one repository, behind an API server that misbehaves when told to."""

    def __init__(self, world: World, server: FaultyServer, repo: Repository) -> None:
        self.world = world
        self.server = server
        self.repo = repo
        self.uids: dict[str, str] = {}

    async def deliver(self, value: str, **more: str | None) -> str:
        """Commit a value for both units' objects, and other files of the faulty unit."""
        files: dict[str, str | None] = {
            "unit/map.yaml": config("unit", value),
            "neighbour/account.yaml": account(value),
        }
        files.update({f"unit/{name}.yaml": text for name, text in more.items()})
        return self.repo.commit(files, f"deliver {value}")

    async def deliver_neighbour(self, value: str) -> str:
        """Commit a value for the neighbour alone."""
        return self.repo.commit({"neighbour/account.yaml": account(value)}, f"deliver {value}")

    async def unit(self, value: str, commit: str, patience: float = 120.0) -> None:
        """Wait until the faulty unit is true to a commit; none of its objects was ever lost on the way."""
        await self.world.until(MAPS, NAMESPACE, "unit", lambda body: value_of(body) == value, patience)
        await self.world.until(KUSTOMIZATION, NAMESPACE, "unit", lambda body: ready(body, commit), patience)
        await self.nothing_lost()

    async def neighbour(self, value: str, commit: str, patience: float = 120.0) -> None:
        """Wait until the neighbour is true to a commit, which nothing may hold up."""
        await self.world.until(ACCOUNTS, NAMESPACE, "neighbour", lambda body: value_of(body) == value, patience)
        await self.world.until(KUSTOMIZATION, NAMESPACE, "neighbour", lambda body: ready(body, commit), patience)

    async def nothing_lost(self) -> None:
        """See that each object is still the one that was made first."""
        for name in ("unit", "stays"):
            body = await self.world.get(MAPS, NAMESPACE, name)
            assert body is not None, f"{name} was lost"
            assert self.uids.setdefault(name, body["metadata"]["uid"]) == body["metadata"]["uid"], f"{name} is another"

    async def drifts(self, patience: float = 120.0) -> None:
        """Change the unit's object by hand, and wait until it is healed."""
        await self.world.patch(MAPS, NAMESPACE, "unit", {"data": {"value": "by hand"}})
        await self.world.until(MAPS, NAMESPACE, "unit", lambda body: value_of(body) != "by hand", patience)

    @asynccontextmanager
    async def restarted(self, folder: Path) -> AsyncIterator[Controller]:
        """Have a second controller for a while, whose memory is empty; the first must not work at that time."""
        settings = Settings(
            kubeconfig=str(self.server.kubeconfig), data=folder, lease=folder.name, poll=1.0, jitter=0.0, workers=1
        )
        async with working(Controller(settings)) as controller:
            yield controller


async def met(fault: Fault, times: int, patience: float = 120.0) -> None:
    """Wait until so many requests have met a fault."""
    async with asyncio.timeout(patience):
        while fault.met < times:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def scene_in(folder: Path) -> AsyncIterator[Scene]:
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        faulty(cluster.kubeconfig, folder / "proxy") as server,
        world(cluster, folder / "world", through=server.kubeconfig, poll=1.0, jitter=0.0) as made,
    ):
        files = {"unit/come-0.yaml": config("come-0", "1")}
        files |= {"unit/stays.yaml": config("stays", "1"), "unit/map.yaml": config("unit", "1")}
        repo = made.repository("team/api", {**files, "neighbour/account.yaml": account("1")})
        await made.apply(repository("api", "https://github.com/team/api"))
        await made.apply(kustomization("unit", "./unit", "api"))
        await made.apply(kustomization("neighbour", "./neighbour", "api"))
        scene = Scene(made, server, repo)
        await scene.unit("1", repo.head())
        await scene.neighbour("1", repo.head())
        yield scene


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="scene")
async def a_scene(tmp_path_factory: Any) -> AsyncIterator[Scene]:
    async with scene_in(tmp_path_factory.mktemp("scene")) as scene:
        yield scene


async def test_writes_are_asked_to_wait(scene: Scene) -> None:
    began = time.monotonic()
    busy = Fault("configmaps", WRITES, code=429, reason="TooManyRequests", retry_after=1, times=3)
    async with scene.server.failing(busy):
        commit = await scene.deliver("after 429")
        await scene.neighbour("after 429", commit)
        await scene.unit("after 429", commit)
    assert busy.met == 3 and time.monotonic() - began >= 3.0, "each refusal asked for a second"


async def test_writes_are_unavailable(scene: Scene) -> None:
    async with scene.server.failing(Fault("configmaps", WRITES, code=503, reason="ServiceUnavailable")):
        commit = await scene.deliver("after 503")
        await scene.neighbour("after 503", commit)
        body = await scene.world.until(KUSTOMIZATION, NAMESPACE, "unit", says("injected: ServiceUnavailable"))
        assert "ConfigMap/flux-system/unit" in told(body)
        await scene.nothing_lost()
    await scene.unit("after 503", commit)


async def test_a_watch_has_expired(scene: Scene) -> None:
    lists = scene.server.count("list", "configmaps")
    gone = Fault("configmaps", ("watch",), code=410, reason="Expired", times=1)
    async with scene.server.failing(gone):
        await scene.server.interrupt("configmaps")
        await scene.drifts()
        assert gone.met == 1 and scene.server.count("list", "configmaps") > lists
        commit = await scene.deliver("after 410")
        await scene.neighbour("after 410", commit)
        await scene.unit("after 410", commit)


async def test_a_watch_says_that_it_has_expired(scene: Scene) -> None:
    lists = scene.server.count("list", "configmaps")
    await scene.server.interrupt("configmaps", expired())
    await scene.drifts()
    assert scene.server.count("list", "configmaps") > lists
    commit = await scene.deliver("after an expired event")
    await scene.neighbour("after an expired event", commit)
    await scene.unit("after an expired event", commit)


async def test_a_watch_is_cut_in_the_middle_of_a_line(scene: Scene) -> None:
    await scene.server.interrupt("configmaps", half=True)
    await scene.drifts()
    await scene.server.interrupt("configmaps", b'{"type":"MODIFIED","object":{"kind":"Config')
    await scene.drifts()
    commit = await scene.deliver("after a cut")
    await scene.neighbour("after a cut", commit)
    await scene.unit("after a cut", commit)


async def test_answers_are_slow(scene: Scene) -> None:
    async with scene.server.failing(Fault("configmaps", WRITES, delay=10.0)):
        began = time.monotonic()
        commit = await scene.deliver("slowly")
        await scene.neighbour("slowly", commit)
        assert time.monotonic() - began < 10.0, "one unit's slow writes hold nobody else up"
        await scene.unit("slowly", commit)


async def test_a_list_that_fails_is_no_empty_list(scene: Scene) -> None:
    """The watch has expired and its list fails: what was known stays, and what drifts meanwhile is healed later."""
    for number, fault in enumerate(UNREADABLE):
        value = f"beside {number}"
        before = scene.server.writes("configmaps")
        async with scene.server.failing(
            Fault("configmaps", ("list",), **fault),
            Fault("configmaps", ("watch",), code=410, reason="Expired"),
        ):
            await scene.server.interrupt("configmaps")
            # Longer than the grace after which the kind counts as unknown.
            await scene.world.patch(MAPS, NAMESPACE, "unit", {"data": {"value": "unseen"}})
            commit = await scene.deliver_neighbour(value)
            await scene.neighbour(value, commit)
            await met(scene.server.faults[0], 4)
            assert scene.server.writes("configmaps") == before, "nothing was made or removed on a failed list's word"
            await scene.nothing_lost()
        await scene.world.until(MAPS, NAMESPACE, "unit", lambda body: value_of(body) != "unseen")
        await scene.nothing_lost()


async def test_a_new_controller_that_cannot_list_removes_nothing_and_says_why(tmp_path: Path) -> None:
    """Nothing is remembered and the list fails: what was delivered is neither made anew nor removed meanwhile."""
    async with scene_in(tmp_path) as scene:
        await scene.world.stop()
        for number, fault in enumerate(UNREADABLE):
            come, gone = f"come-{number + 1}", f"come-{number}"
            value = f"restart-{number}"
            before = scene.server.writes("configmaps")
            async with scene.server.failing(Fault("configmaps", ("list",), **fault)):
                commit = await scene.deliver(value, **{come: config(come, "1"), gone: None})
                async with scene.restarted(tmp_path / f"restart-{number}"):
                    await scene.neighbour(value, commit, patience=120.0)
                    await scene.world.until(KUSTOMIZATION, NAMESPACE, "unit", says(gone, "cannot be read"))
                    made = scene.server.writes("configmaps")[len(before) :]
                    assert all(seen.verb == "patch" for seen in made), made
                    assert await scene.world.get(MAPS, NAMESPACE, gone) is not None
                    await scene.nothing_lost()
                    scene.server.faults = []
                    await scene.unit(value, commit, patience=120.0)
                    await scene.world.until(MAPS, NAMESPACE, gone, lambda body: body is None)
