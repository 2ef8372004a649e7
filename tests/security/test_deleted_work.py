"""The wall of deleted objects: nothing goes on for what is not there any more."""

from __future__ import annotations

import asyncio
import contextlib

import yaml
from aiohttp import web

from security.test_costly_renders import COSTLY
from security.test_hostile_remotes import server
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    REPOSITORY,
    World,
    application,
    eventually,
    kustomization,
    ready,
    repository,
)

CHART = "apiVersion: v2\nname: costly\nversion: 1.0.0\n"


def busy(world: World) -> set[int]:
    """Give the processes that render at this moment."""
    lanes = world.session().renderer._renderers
    assert lanes is not None
    return {worker.pid for pool in (lanes._quick, lanes._slow) for worker in pool._busy}


def found_slow(world: World, name: str) -> bool:
    """Say whether a render was ended because it took long."""
    lanes = world.session().renderer._renderers
    assert lanes is not None
    return any(name in unit for units in lanes._slow_until.values() for unit in units)


async def costly(world: World, name: str, *finalizers: str) -> None:
    """Have an Application rendered that takes as long as it may."""
    world.repository("team/costly", {"app/Chart.yaml": CHART, "app/templates/x.yaml": COSTLY})
    body = yaml.safe_load(application(name, "https://github.com/team/costly", "app", "default"))
    body["metadata"]["finalizers"] = list(finalizers)
    await world.apply(yaml.safe_dump(body))
    await eventually(lambda: bool(busy(world)))


async def test_a_render_of_a_deleted_unit(world: World) -> None:
    await costly(world, "gone")
    pids = busy(world)
    await world.delete(APPLICATION, "argocd", "gone")
    await eventually(lambda: not busy(world) & pids)
    assert not found_slow(world, "gone"), "it was ended, and not its time over"


async def test_a_render_of_a_unit_that_waits_for_its_finalizer(world: World) -> None:
    await costly(world, "going", "resources-finalizer.argocd.argoproj.io")
    pids = busy(world)
    await world.delete(APPLICATION, "argocd", "going")
    await eventually(lambda: not busy(world) & pids)
    await world.until(APPLICATION, "argocd", "going", lambda body: body is None)
    assert not found_slow(world, "going")


async def test_a_poll_of_a_deleted_source(world: World) -> None:
    """A host that never answers, and a source that gives it two hours."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def never(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
        await response.prepare(request)
        asked.set()
        try:
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b"0")
                    await asyncio.sleep(0.1)
        finally:
            left.set()
        return response

    async with server(never) as url:
        text = repository("hangs", f"{url}/x.git").replace("interval: 1s", "interval: 1s\n  timeout: 2h")
        await world.apply(text)
        async with asyncio.timeout(120):
            await asked.wait()
            await world.delete(REPOSITORY, "flux-system", "hangs")
            await left.wait()
    world.repository("team/after", {"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: after}\n"})
    await world.apply(repository("after", "https://github.com/team/after"))
    await world.apply(kustomization("after", "./app", "after", targetNamespace="default"))
    await world.until(KUSTOMIZATION, "flux-system", "after", ready)
