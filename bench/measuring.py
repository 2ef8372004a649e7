"""The measurements, each on the same real control plane and in the same run as the limit it is compared with."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import yaml

from bench import scenario
from bench.process import Driven
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Repository
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.writes import Write

IN_FLIGHT = 20
COMMITS = 5
"""Commits whose middle time counts."""
PATIENCE = 600.0


class Result(msgspec.Struct):
    """What was measured for N units. Times are seconds, memory MiB, requests counts."""

    units: int
    raw_applies_per_second: float = 0.0
    raw_seconds: float = 0.0
    cold_seconds: float = 0.0
    cold_cpu_seconds: float = 0.0
    cold_requests: int = 0
    memory: float = 0.0
    peak_memory: float = 0.0
    cold_renders: int = 0
    commit_seconds: float = 0.0
    commit_renders: int = 0
    commit_all_shown_seconds: float = 0.0
    held_commit_seconds: float = 0.0
    held_commit_all_shown_seconds: float = 0.0
    healed_seconds: float = 0.0
    quiet_seconds: float = 0.0
    quiet_requests: int = 0
    quiet_cpu_seconds: float = 0.0
    restart_seconds: float = 0.0
    restart_renders: int = 0
    restart_writes: int = 0


class Bench:
    """One cluster, one repository, one controller."""

    def __init__(self, client: KubeClient, mapper: Mapper, repository: Repository) -> None:
        """Take the real parts."""
        self.client = client
        self.mapper = mapper
        self.repository = repository
        self._units: ObjectFeed | None = None

    async def apply(self, body: dict[str, Any]) -> None:
        """Apply an object as a user would."""
        await self.client.server_side_apply(await self.mapper.of(ObjectRef.of(body)), body, Write(manager="bench"))

    async def raw(self, result: Result) -> None:
        """Apply the same objects with nothing around it: the limit."""
        await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "raw"}})
        bodies = [
            {**body, "metadata": {**body["metadata"], "namespace": "raw"}}
            for number in range(result.units)
            for body in yaml.load_all(scenario.manifests(number), yaml.CSafeLoader)
        ]
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one(body: dict[str, Any]) -> None:
            async with gate:
                await self.apply(body)

        started = time.monotonic()
        await asyncio.gather(*(one(body) for body in bodies))
        result.raw_seconds = time.monotonic() - started
        result.raw_applies_per_second = len(bodies) / result.raw_seconds
        namespaces = await self.mapper.of(ObjectRef("", "Namespace", "", "raw"))
        await self.client.delete(namespaces, "raw")
        while await self.client.find(namespaces, "raw") is not None:
            await asyncio.sleep(0.2)

    async def cold(self, controller: Driven, result: Result) -> None:
        """From the declared source to every unit Ready with its status written."""
        await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scenario.NAMESPACE}})
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one(body: dict[str, Any]) -> None:
            async with gate:
                await self.apply(body)

        await asyncio.gather(*(one(body) for body in scenario.units(result.units)))
        while (await controller.told())["units"] < result.units:
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        before, asked = await controller.usage(), await controller.requests()
        feed = await self.units()
        ready = _Awaited(feed, result.units, lambda body: _ready(body))
        started = time.monotonic()
        await self.apply(scenario.repository())
        await ready.done()
        result.cold_seconds = time.monotonic() - started
        after = await controller.usage()
        result.cold_cpu_seconds = after.cpu - before.cpu
        result.cold_requests = await controller.requests() - asked
        result.cold_renders = (await controller.told())["renders"]
        result.memory, result.peak_memory = after.memory, after.peak

    async def commit(self, controller: Driven, result: Result) -> None:
        """Commits that touch one unit, and how many renders the first of them costs."""
        renders = (await controller.told())["renders"]
        times = [await self._one_commit(result.units // 2, "2")]
        result.commit_renders = (await controller.told())["renders"] - renders
        times += [await self._one_commit(result.units // 2 + number, "2") for number in range(1, COMMITS)]
        result.commit_seconds, result.commit_all_shown_seconds = map(statistics.median, zip(*times, strict=True))

    async def held(self, result: Result) -> None:
        """The same, while another unit of the source is held back."""
        feed = await self.units()
        name = scenario.name_of(0)
        held = _Awaited(feed, 1, lambda body: body["metadata"]["name"] != name or "is held back" in json.dumps(body))
        await self.announce(self.repository.commit(scenario.broken(0), "Break one unit"))
        await held.done()
        times = [await self._one_commit(result.units // 2 + number, "3", name) for number in range(COMMITS)]
        result.held_commit_seconds, result.held_commit_all_shown_seconds = map(
            statistics.median, zip(*times, strict=True)
        )
        await self.announce(self.repository.commit(scenario.change(0, "1"), "Mend it"))
        await _Awaited(feed, result.units, _ready).done()

    async def _one_commit(self, number: int, value: str, held: str = "") -> tuple[float, float]:
        """Give the seconds from a push to the unit's object being changed, and to all units showing the revision.

        `held` is the name of a unit that does not follow.
        """
        name = scenario.name_of(number)
        changed = asyncio.Event()

        def look(event: str, old: object, new: dict[str, Any] | None) -> None:
            if new is not None and new["metadata"]["name"] == name and f'"{value}"' in json.dumps(new["spec"]):
                changed.set()

        deployments = ObjectFeed(self.client, self.mapper, Selection("apps", "Deployment", scenario.NAMESPACE))
        deployments.subscribe(look)
        deployments.start()
        await deployments.wait_synced(30)
        feed = await self.units()
        started = time.monotonic()
        commit = self.repository.commit(scenario.change(number, value), "Touch one unit")
        # As a webhook would: otherwise the wait for the next poll is what is measured.
        await self.announce(commit)
        shown = _Awaited(feed, 1, lambda body: body["metadata"]["name"] == held or _ready(body, commit))
        await asyncio.wait_for(changed.wait(), PATIENCE)
        seconds = time.monotonic() - started
        await shown.done()
        all_shown = time.monotonic() - started
        await deployments.stop()
        return seconds, all_shown

    async def announce(self, commit: str) -> None:
        """Ask for the source to be looked at."""
        ref = ObjectRef.of(scenario.repository())
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": commit}}}
        await self.client.patch(await self.mapper.of(ref), ref.name, ref.namespace, patch)

    async def heal(self, result: Result) -> None:
        """From a change by hand to its being healed, the middle of five."""
        ref = ObjectRef("apps", "Deployment", scenario.NAMESPACE, scenario.name_of(result.units // 3))
        resource = await self.mapper.of(ref)
        times = []
        for number in range(3):
            name = scenario.name_of(result.units // 3 + number)
            healed = asyncio.Event()
            seen: list[int] = []

            def look(event: str, old: object, new: Any, name: str = name, seen: list[int] = seen) -> None:
                if new is not None and new["metadata"]["name"] == name:
                    seen.append(new["spec"]["replicas"])
                    if len(seen) > 1 and seen[-1] == 0 and 1 in seen:
                        healed.set()  # noqa: B023

            feed = ObjectFeed(self.client, self.mapper, Selection("apps", "Deployment", scenario.NAMESPACE))
            feed.subscribe(look)
            feed.start()
            await feed.wait_synced(30)
            started = time.monotonic()
            await self.client.patch(resource, name, scenario.NAMESPACE, {"spec": {"replicas": 1}})
            await asyncio.wait_for(healed.wait(), PATIENCE)
            times.append(time.monotonic() - started)
            await feed.stop()
        result.healed_seconds = sorted(times)[1]

    async def quiet(self, controller: Driven, result: Result, seconds: float) -> None:
        """Count what a steady cluster costs; what a commit left to be stored is waited for before."""
        await asyncio.sleep(35)
        before, asked = await controller.usage(), await controller.requests()
        await asyncio.sleep(seconds)
        after = await controller.usage()
        result.quiet_seconds = seconds
        result.quiet_requests = await controller.requests() - asked
        result.quiet_cpu_seconds = after.cpu - before.cpu

    async def restart(self, controller: Driven, result: Result) -> None:
        """From the start of a new process to every settled unit having been looked at."""
        await controller.stop()
        started = time.monotonic()
        await controller.start()
        while (told := await controller.told())["units"] < result.units or told["waiting"]:
            await asyncio.sleep(0.02)
        result.restart_seconds = time.monotonic() - started
        await asyncio.sleep(3)
        result.restart_renders = (await controller.told())["renders"]
        result.restart_writes = (await controller.told())["requests"]["write"]

    async def units(self) -> ObjectFeed:
        """Watch the units."""
        if self._units is None:
            self._units = ObjectFeed(
                self.client,
                self.mapper,
                Selection("kustomize.toolkit.fluxcd.io", "Kustomization", scenario.NAMESPACE),
            )
            self._units.start()
            await self._units.wait_synced(30)
        return self._units


class _Awaited:
    """Waits until a condition has held for so many objects of a feed, by its events."""

    def __init__(self, feed: ObjectFeed, count: int, holds: Callable[[dict[str, Any]], bool]) -> None:
        self._missing = {key for key, body in feed.items.items() if not holds(body)}
        self._holds = holds
        self._event = asyncio.Event()
        self._end = feed.subscribe(self._look)
        if not self._missing and len(feed.items) >= count:
            self._event.set()

    def _look(self, event: str, old: object, new: dict[str, Any] | None) -> None:
        if new is not None and self._holds(new):
            self._missing.discard((new["metadata"]["namespace"], new["metadata"]["name"]))
            if not self._missing:
                self._event.set()

    async def done(self) -> None:
        await asyncio.wait_for(self._event.wait(), PATIENCE)
        self._end()


def _ready(body: dict[str, Any], commit: str = "") -> bool:
    status = body.get("status") or {}
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or [])
    return ready and commit in str(status.get("lastAppliedRevision") or "")
