"""A whole engine on fakes: a repository, a cluster and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ApplyMode, Body, ClusterRef, ObjectOptions, ObjectRef
from trueup.core.model.reports import UnitReport
from trueup.core.model.state import UnitState
from trueup.core.model.unit import HealthGate, SourceDeclaration, Unit
from trueup.core.ports import Delivery
from trueup.engine.engine import Engine, EnginePorts
from trueup.testing import (
    FakeClock,
    FakeCluster,
    FakeEventSink,
    FakeFinalizers,
    FakeProposals,
    FakeRenderer,
    FakeReports,
    FakeRepositories,
    FakeRepository,
    FakeStates,
    FakeTargets,
    FakeValues,
    NoCredentials,
    a_unit,
    quiesce,
)

SOURCE = ObjectRef("example.com", "Repository", "default", "repo")
SECOND = ObjectRef("example.com", "Repository", "default", "second")
SECOND_URL = "https://x/second"


def config(name: str, namespace: str = "default", wave: int = 0, **data: Any) -> Body:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if wave:
        metadata["annotations"] = {"wave": str(wave)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def ref(name: str, namespace: str = "default") -> ObjectRef:
    return ObjectRef("", "ConfigMap", namespace, name)


def job(name: str) -> Body:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "default"}}


def job_ref(name: str) -> ObjectRef:
    return ObjectRef("batch", "Job", "default", name)


def claim(name: str) -> Body:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def claim_ref(name: str) -> ObjectRef:
    return ObjectRef("", "PersistentVolumeClaim", "default", name)


class World:
    """An engine and all it stands on. `restart` loses what only the process knew."""

    def __init__(self, deliveries: Mapping[str, Delivery] = {}) -> None:
        self.deliveries = deliveries
        self.second = FakeRepository(first=0x1000)
        self.repository = FakeRepositories(**{SECOND_URL: self.second})
        self.renderer = FakeRenderer(self.repository)
        self.cluster = FakeCluster()
        self.far = FakeCluster()
        self.targets = FakeTargets(self.cluster, far=self.far)
        self.states = FakeStates()
        self.values = FakeValues()
        self.finalizers = FakeFinalizers()
        self.reports = FakeReports()
        self.event_sink = FakeEventSink()
        self.proposals = FakeProposals()
        self.clock = FakeClock()
        self.bodies: dict[ObjectRef, Body] = {}
        self.engine = self._engine()

    def _engine(self) -> Engine:
        ports = EnginePorts(
            sources=self.repository,
            credentials=NoCredentials(),
            renderer=self.renderer,
            targets=self.targets,
            states=self.states,
            values=self.values,
            reports=self.reports,
            event_sink=self.event_sink,
            finalizers=self.finalizers,
            clock=self.clock,
            fence=self.cluster.fence,
            options_of=lambda unit: options,
            body_of=self.bodies.get,
            proposals=self.proposals,
            deliveries=self.deliveries,
        )
        engine = Engine(ports, "test")
        self.cluster.changed = engine.object_changed
        self.far.changed = lambda ref: engine.object_changed(ref, ClusterRef("far"))
        self.far.fence = self.cluster.fence
        return engine

    async def restart(self) -> None:
        units = self.engine.registry.all()
        await self.engine.stop()
        self.engine = self._engine()
        self.cluster.writes.clear()
        self.declare(*units)
        await self.engine.start()
        await self.settle()

    def declare(self, *units: Unit) -> None:
        self.engine.declare_source(SourceDeclaration(SOURCE, "uid", 1, GitSpec("https://x/r", GitRef(branch="main"))))
        self.engine.declare_source(SourceDeclaration(SECOND, "uid2", 1, GitSpec(SECOND_URL, GitRef(branch="main"))))
        for unit in units:
            self.engine.declare(unit)

    def unit(self, name: str, **fields: Any) -> Unit:
        # By kstatus' rules a ConfigMap's health counts too, which lets tests do without pods.
        gate = msgspec.structs.replace(fields.pop("gate", HealthGate()), kstatus=True)
        return a_unit(name, SOURCE, gate=gate, **fields)

    async def settle(self) -> None:
        for _ in range(3):
            await quiesce()
            await self.engine.source_controller.queue.idle()
            await self.engine.queue.idle()
            if self.engine.proposer is not None:
                await self.engine.proposer.queue.idle()

    async def commit(self, **folders: list[Body]) -> str:
        commit = self.repository.commit(folders)
        self.engine.source_controller.poll_now(SOURCE)
        await self.settle()
        return commit

    async def commit_second(self, **folders: list[Body]) -> str:
        """Make a commit in the second repository."""
        commit = self.second.commit(folders)
        self.engine.source_controller.poll_now(SECOND)
        await self.settle()
        return commit

    async def look(self, *units: Unit) -> None:
        """Have units looked at again, as their timers would."""
        for unit in units:
            self.engine.queue.add(unit.ref)
        await self.settle()

    async def later(self, seconds: float) -> None:
        """Let time pass and every unit be looked at."""
        self.clock.advance(seconds)
        await self.look(*self.engine.registry.all())

    def report(self, unit: Unit) -> UnitReport:
        return self.reports.units[unit.ref]

    def state(self, unit: Unit) -> UnitState:
        return self.states.stored[unit.ref]


def options(body: Body) -> ObjectOptions:
    annotations = body["metadata"].get("annotations") or {}
    return ObjectOptions(wave=int(annotations.get("wave", 0)), apply=ApplyMode(annotations.get("apply", "override")))
