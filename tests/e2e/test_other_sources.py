"""A kind of source that only the tests know reaches a cluster: the engine, its renderer and its target see no Git."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from support.archives import ArchiveProvider, ArchiveSpec
from support.e2e import eventually
from support.providers import packed
from trueup.core.model.objects import LOCAL, ClusterRef, ObjectOptions, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import SourceDeclaration, SyncPolicy
from trueup.devtools.localcluster import Cluster
from trueup.dialects import live_options, owner_of
from trueup.engine.engine import Engine, EnginePorts
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.resource import Reply
from trueup.render import RenderSettings, WorkerRenderer
from trueup.runtime.leadership import SystemClock
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.registry import SourceRegistry
from trueup.targets.kubernetes import KubernetesTarget
from trueup.testing import (
    FakeEventSink,
    FakeFence,
    FakeFinalizers,
    FakeReports,
    FakeStates,
    FakeValues,
    NoCredentials,
    a_unit,
)

SOURCE = ObjectRef("example.com", "Archive", "default", "shop")
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: by-archive}}\ndata: {{value: '{}'}}\n"


class OneCluster:
    """The local cluster, and no other."""

    def __init__(self, target: KubernetesTarget) -> None:
        self._target = target

    def of(self, cluster: ClusterRef) -> KubernetesTarget:
        assert cluster == LOCAL
        return self._target

    def keep(self, clusters: frozenset[ClusterRef]) -> None:
        assert clusters <= {LOCAL}


async def test_a_tarball_is_delivered_healed_and_followed(tmp_path: Path) -> None:
    content = {"bytes": packed({"web/map.yaml": MAP.format(1)})}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=content["bytes"])

    app = web.Application()
    app.router.add_get("/a.tar.gz", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    spec = ArchiveSpec(f"http://127.0.0.1:{runner.addresses[0][1]}/a.tar.gz")
    registry = SourceRegistry(
        (ArchiveProvider(tmp_path / "cache"),), ArtifactStore(tmp_path / "artifacts", "http://here")
    )
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        KubeClient(default_connection(str(cluster.kubeconfig))) as client,
        WorkerRenderer(RenderSettings(workers=1)) as renderer,
    ):
        mapper = Mapper(client)
        await mapper.refresh()
        reports, engines = FakeReports(), list[Engine]()
        target = KubernetesTarget(
            client, mapper, owner_of, live_options, lambda ref: engines[0].object_changed(ref) if engines else None
        )
        ports = EnginePorts(
            sources=registry,
            credentials=NoCredentials(),
            renderer=renderer,
            targets=OneCluster(target),
            states=FakeStates(),
            values=FakeValues(),
            reports=reports,
            event_sink=FakeEventSink(),
            finalizers=FakeFinalizers(),
            clock=SystemClock(),
            fence=FakeFence(),
            options_of=lambda unit: lambda body: ObjectOptions(),
            body_of=lambda ref: None,
        )
        engine = Engine(ports, "test")
        engines.append(engine)
        unit = a_unit("web", SOURCE, policy=SyncPolicy(prune=True))

        async def live() -> Reply | None:
            resource = await mapper.of(ObjectRef("", "ConfigMap", "default", "by-archive"))
            return await client.find(resource, "by-archive", "default")

        await engine.start()
        try:
            engine.declare_source(SourceDeclaration(SOURCE, "uid", 1, spec, interval=1.0))
            engine.declare(unit)
            await eventually(lambda: unit.ref in reports.units and reports.units[unit.ref].phase is UnitPhase.SETTLED)
            found = await live()
            assert found is not None and found.body["data"] == {"value": "1"}
            resource = await mapper.of(ObjectRef("", "ConfigMap", "default", "by-archive"))
            await client.patch(resource, "by-archive", "default", {"data": {"value": "by hand"}})
            content["bytes"] = packed({"web/map.yaml": MAP.format(2)})
            engine.source_controller.poll_anew(SOURCE)
            first = reports.units[unit.ref].applied
            await eventually(lambda: reports.units[unit.ref].applied != first)
            found = await live()
            assert found is not None and found.body["data"] == {"value": "2"}
            assert reports.units[unit.ref].applied.startswith("latest@sha256:")
        finally:
            await engine.stop()
            await target.stop()
            await runner.cleanup()
