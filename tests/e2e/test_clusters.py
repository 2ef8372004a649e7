"""Two clusters: a unit each, and the death of one is nothing to the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from support.e2e import eventually
from support.ports import ports_of
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import LOCAL, Body, ClusterRef, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import SourceDeclaration, SyncPolicy, Target, Unit
from trueup.devtools.localcluster import Cluster
from trueup.dialects import live_options, owner_of
from trueup.engine.engine import Engine
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection, default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import ConnectionConfigError
from trueup.targets.kubernetes import KubernetesTarget, KubernetesTargets
from trueup.testing import (
    FakeRenderer,
    FakeReports,
    FakeRepository,
    a_unit,
)

SOURCE = ObjectRef("example.com", "Repository", "default", "repo")
FAR, NOWHERE = ClusterRef("far"), ClusterRef("nowhere")


def config(name: str, value: str) -> Body:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


async def value(client: KubeClient, name: str) -> str | None:
    mapper = Mapper(client)
    await mapper.refresh()
    found = await client.find(await mapper.of(ObjectRef("", "ConfigMap", "default", name)), name, "default")
    return found.body["data"]["value"] if found is not None else None


@asynccontextmanager
async def opened(connection: Connection) -> AsyncIterator[KubeClient]:
    async with KubeClient(connection) as client:
        yield client


def target_of(client: KubeClient, mapper: Mapper, changed: Callable[[ObjectRef], None]) -> KubernetesTarget:
    return KubernetesTarget(client, mapper, owner_of, live_options, changed)


async def test_a_cluster_dies_and_the_others_units_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.targets.kubernetes.targets.PROBE_PAUSE", 0.5)
    async with AsyncExitStack() as stack:
        near = await stack.enter_async_context(Cluster.start(ephemeral=True, nodes=0))
        far = await stack.enter_async_context(Cluster.start(ephemeral=True, nodes=0))
        clients = {
            LOCAL: await stack.enter_async_context(KubeClient(default_connection(str(near.kubeconfig)))),
            FAR: await stack.enter_async_context(KubeClient(default_connection(str(far.kubeconfig)))),
        }
        repository, reports, engines = FakeRepository(), FakeReports(), list[Engine]()
        mapper = Mapper(clients[LOCAL])
        await mapper.refresh()

        def connect(cluster: ClusterRef) -> Connection:
            if cluster != FAR:
                raise ConnectionConfigError(f"cluster {cluster} is not registered")
            return default_connection(str(far.kubeconfig))

        def object_changed(ref: ObjectRef, cluster: ClusterRef = LOCAL) -> None:
            if engines:
                engines[0].object_changed(ref, cluster)

        local = target_of(clients[LOCAL], mapper, object_changed)
        stack.push_async_callback(local.stop)
        targets = KubernetesTargets(
            local, connect, opened, target_of, object_changed, lambda cluster: engines[0].cluster_changed(cluster)
        )
        stack.push_async_callback(targets.stop)
        ports = ports_of(repository, FakeRenderer(repository), targets, reports)
        engine = Engine(ports, "test")
        engines.append(engine)
        units: dict[ClusterRef, Unit] = {
            cluster: a_unit(
                str(cluster), SOURCE, policy=SyncPolicy(prune=True), target=Target(cluster=cluster, namespace="default")
            )
            for cluster in (LOCAL, FAR, NOWHERE)
        }

        def phase(cluster: ClusterRef) -> UnitPhase | None:
            report = reports.units.get(units[cluster].ref)
            return report.phase if report else None

        def message(cluster: ClusterRef) -> str:
            return reports.units[units[cluster].ref].message

        def commit(value: str) -> str:
            made = repository.commit({str(cluster): [config("shared", f"{cluster} {value}")] for cluster in units})
            engine.source_controller.poll_now(SOURCE)
            return made

        def settled(cluster: ClusterRef, commit: str) -> bool:
            report = reports.units.get(units[cluster].ref)
            return report is not None and report.phase is UnitPhase.SETTLED and commit in report.applied

        await engine.start()
        stack.push_async_callback(engine.stop)
        first = commit("1")
        engine.declare_source(SourceDeclaration(SOURCE, "uid", 1, GitSpec("https://x/r", GitRef(branch="main"))))
        for unit in units.values():
            engine.declare(unit)
        await eventually(lambda: settled(LOCAL, first) and settled(FAR, first))
        assert await value(clients[LOCAL], "shared") == "in-cluster 1"
        assert await value(clients[FAR], "shared") == "far 1"
        await eventually(lambda: phase(NOWHERE) is UnitPhase.FAILED and "is not registered" in message(NOWHERE))

        resource = await mapper.of(ObjectRef("", "ConfigMap", "default", "shared"))
        await clients[FAR].patch(resource, "shared", "default", {"data": {"value": "by hand"}})
        await _until(clients[FAR], "far 1")

        await far.stop_apiserver()
        await eventually(lambda: phase(FAR) is UnitPhase.FAILED)
        assert "cluster far cannot be reached" in message(FAR)
        second = commit("2")
        await eventually(lambda: settled(LOCAL, second))
        await clients[LOCAL].patch(resource, "shared", "default", {"data": {"value": "by hand"}})
        await _until(clients[LOCAL], "in-cluster 2")
        assert phase(FAR) is UnitPhase.FAILED

        await far.start_apiserver()
        await eventually(lambda: settled(FAR, second))
        assert await value(clients[FAR], "shared") == "far 2"

        engine.withdraw(units[FAR].ref)
        assert await value(clients[FAR], "shared") == "far 2", "a unit that is gone without a finalizer leaves all"


async def _until(client: KubeClient, wanted: str) -> None:
    async with asyncio.timeout(120):
        while await value(client, "shared") != wanted:
            await asyncio.sleep(0.05)
