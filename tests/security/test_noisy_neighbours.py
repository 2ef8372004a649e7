"""The wall of neighbours: a tenant of whom everything changes all the time delays nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from security.test_hostile_remotes import server
from support.e2e import KUSTOMIZATION, World, eventually, kustomization, ready, repository
from trueup.core.model.objects import ObjectRef
from trueup.fairness import TENANT, FairQueue, FairSlots
from trueup.testing import quiesce
from trueup.workqueue import WorkQueue

NOISY = 100
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{0}}}\ndata: {{v: '{1}'}}\n"


def noise(number: int) -> dict[str, str]:
    """Give files of which each concerns one of the noisy tenant's units."""
    return {f"u{unit}/map.yaml": MAP.format(unit, number) for unit in range(NOISY)}


async def namespaces(world: World, *names: str) -> None:
    for name in names:
        await world.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")


def all_ready(world: World, commit: str = "") -> bool:
    """Say whether the controller has seen all of the noisy tenant's units ready."""
    body_of = world.session().declarations.body
    return all(ready(body_of(ObjectRef(*KUSTOMIZATION, "noisy", f"u{unit}")), commit) for unit in range(NOISY))


def alert(namespace: str, url: str) -> str:
    return f"""
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {{name: chat, namespace: {namespace}}}
spec: {{type: generic, address: {url}/{namespace}}}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {{name: all, namespace: {namespace}}}
spec:
  providerRef: {{name: chat}}
  eventSeverity: info
  eventSources: [{{kind: Kustomization, name: "*"}}]
"""


async def test_many_units_that_change_at_once(world: World) -> None:
    """A commit that changes all of theirs, and right after it one that changes ours: ours is through long before."""
    told: list[str] = []

    async def listen(request: web.Request) -> web.Response:
        told.append(request.path.strip("/"))
        return web.Response()

    loud = world.repository("team/noisy", noise(0))
    quiet = world.repository("team/quiet", {"app/map.yaml": MAP.format("q", 0)})
    await namespaces(world, "noisy", "quiet")
    async with server(listen) as url:
        for namespace in ("noisy", "quiet"):
            await world.apply(alert(namespace, url))
        await world.apply(repository("noisy", "https://github.com/team/noisy", "noisy"))
        await world.apply(repository("quiet", "https://github.com/team/quiet", "quiet"))
        await world.apply(kustomization("quiet", "./app", "quiet", "quiet", targetNamespace="quiet"))
        texts = [
            kustomization(f"u{unit}", f"./u{unit}", "noisy", "noisy", targetNamespace="noisy") for unit in range(NOISY)
        ]
        for some in range(0, NOISY, 20):
            await asyncio.gather(*(world.apply(text) for text in texts[some : some + 20]))
        await world.until(KUSTOMIZATION, "quiet", "quiet", ready)
        await eventually(lambda: all_ready(world))
        await world.settled()
        overtaken: list[int] = []
        for number in range(1, 4):
            told.clear()
            last, ours = loud.commit(noise(number), "all"), quiet.commit({"app/map.yaml": MAP.format("q", number)}, "q")
            for name in ("noisy", "quiet"):
                world.session().engine.requeue(
                    ObjectRef("source.toolkit.fluxcd.io", "GitRepository", name, name),
                )
            await world.until(KUSTOMIZATION, "quiet", "quiet", lambda body, it=ours: ready(body, it))
            while "quiet" not in told:
                await asyncio.sleep(0.01)
            overtaken.append(sum(1 for one in told if one == "noisy"))
            await eventually(lambda it=last: all_ready(world, it))  # type: ignore[misc]
            await world.settled()
        # Without turns, all of theirs stand before ours.
        assert sorted(overtaken)[1] < NOISY / 2, overtaken


async def in_turns(handle: Callable[[str], object], queue: WorkQueue[str]) -> None:
    for number in range(500):
        queue.add(f"noisy/{number}")
    queue.add("quiet/1")
    queue.start()
    await quiesce()
    handle("quiet/1")
    await queue.stop()


async def test_five_hundred_keys_before_another_tenants() -> None:
    begun: list[str] = []

    async def work(key: str) -> None:
        begun.append(key)
        await asyncio.sleep(0)

    await in_turns(begun.index, WorkQueue("test", work, 4, tenant_of=lambda key: key.partition("/")[0]))
    assert begun.index("quiet/1") <= 4, "no more than are worked on at once come before"


async def test_work_without_end_on_every_place() -> None:
    """All of one tenant's work hangs: there is always a worker for somebody else."""
    begun: list[str] = []

    async def work(key: str) -> None:
        begun.append(key)
        if key.startswith("noisy"):
            await asyncio.Event().wait()

    await in_turns(begun.index, WorkQueue("test", work, 4, tenant_of=lambda key: key.partition("/")[0]))
    assert sum(key.startswith("noisy") for key in begun) == 3


async def test_five_hundred_requests_before_another_tenants() -> None:
    slots, done = FairSlots(2), list[str]()

    async def ask(tenant: str) -> None:
        TENANT.set(tenant)
        async with slots:
            await asyncio.sleep(0)
            done.append(tenant)

    noisy = [asyncio.create_task(ask("noisy")) for _ in range(500)]
    await asyncio.sleep(0)
    quiet = asyncio.create_task(ask("quiet"))
    gone = asyncio.create_task(ask("gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(*noisy, quiet, gone, return_exceptions=True)
    assert done.index("quiet") < 10 and len(done) == 501
    async with asyncio.timeout(5), slots, slots:
        """Whoever was cancelled has taken no slot along."""


async def test_happenings_without_end_push_out_their_own() -> None:
    queue: FairQueue[str] = FairQueue(10)
    queue.put("quiet", "ours")
    lost = [queue.put("noisy", f"theirs-{number}") for number in range(100)]
    assert "ours" not in lost and len(queue) == 10
    assert "ours" in [await queue.get() for _ in range(2)]
