"""A kind of source that only the tests know reaches a cluster: the engine, its renderer and its target see no Git."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from support.archives import ArchiveProvider, ArchiveSpec
from support.e2e import eventually
from support.ports import ports_of
from support.providers import packed
from trueup.core.model.objects import LOCAL, ClusterRef, ObjectRef
from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import SourceDeclaration, SyncPolicy, Unit, UnitSource
from trueup.devtools.localcluster import Cluster
from trueup.dialects import live_options, owner_of
from trueup.engine.engine import Engine
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.render import RenderSettings, WorkerRenderer
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.registry import SourceRegistry
from trueup.targets.kubernetes import KubernetesTarget
from trueup.testing import (
    FakeReports,
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


class Place(NamedTuple):
    """An engine on a real cluster, renderer and archives; `archives` are served by name."""

    engine: Engine
    reports: FakeReports
    client: KubeClient
    mapper: Mapper
    archives: dict[str, bytes]
    url: str

    def declare(self, name: str) -> ObjectRef:
        ref = SOURCE._replace(name=name)
        spec = ArchiveSpec(f"{self.url}/{name}.tar.gz")
        self.engine.declare_source(SourceDeclaration(ref, f"uid-{name}", 1, spec, interval=1.0))
        return ref

    async def value(self, name: str) -> str | None:
        resource = await self.mapper.of(ObjectRef("", "ConfigMap", "default", name))
        found = await self.client.find(resource, name, "default")
        return found.body["data"]["value"] if found is not None else None

    async def settled(self, unit: Unit, after: tuple[str, ...] = ()) -> None:
        def done() -> bool:
            report = self.reports.units.get(unit.ref)
            revisions = (report.revisions or (report.applied,)) if report else ()
            return report is not None and report.phase is UnitPhase.SETTLED and revisions != after

        await eventually(done)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    archives: dict[str, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=archives[request.match_info["name"]])

    app = web.Application()
    app.router.add_get("/{name}.tar.gz", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    registry = SourceRegistry((ArchiveProvider(folder / "cache"),), ArtifactStore(folder / "artifacts", "http://here"))
    async with (
        Cluster.start(ephemeral=True, nodes=0) as cluster,
        KubeClient(default_connection(str(cluster.kubeconfig))) as client,
        WorkerRenderer(RenderSettings(workers=1)) as renderer,
    ):
        mapper = Mapper(client)
        await mapper.refresh()
        reports, engines = FakeReports(), list[Engine]()
        target = KubernetesTarget(
            client, mapper, owner_of, live_options, lambda ref: engines[0].object_changed(ref) if engines else None
        )
        ports = ports_of(registry, renderer, OneCluster(target), reports)
        engine = Engine(ports, "test")
        engines.append(engine)
        await engine.start()
        try:
            yield Place(engine, reports, client, mapper, archives, f"http://127.0.0.1:{runner.addresses[0][1]}")
        finally:
            await engine.stop()
            await target.stop()
            await runner.cleanup()


async def test_a_tarball_is_delivered_healed_and_followed(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.archives["shop"] = packed({"web/map.yaml": MAP.format(1)})
        unit = a_unit("web", here.declare("shop"), policy=SyncPolicy(prune=True))
        here.engine.declare(unit)
        await here.settled(unit)
        assert await here.value("by-archive") == "1"
        resource = await here.mapper.of(ObjectRef("", "ConfigMap", "default", "by-archive"))
        await here.client.patch(resource, "by-archive", "default", {"data": {"value": "by hand"}})
        first = here.reports.units[unit.ref].applied
        here.archives["shop"] = packed({"web/map.yaml": MAP.format(2)})
        here.engine.source_controller.poll_anew(SOURCE)
        await here.settled(unit, after=(first,))
        assert await here.value("by-archive") == "2"
        assert here.reports.units[unit.ref].applied.startswith("latest@sha256:")


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "chart/values.yaml": "value: from the chart\n",
    "chart/templates/map.yaml": MAP.replace("{{", "{")
    .replace("}}", "}")
    .replace("'{}'", "{{ .Values.value | quote }}"),
}


async def test_a_chart_is_rendered_with_values_of_another_source_and_plain_files_of_a_third(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.archives["chart"] = packed(CHART)
        here.archives["values"] = packed({"prod.yaml": "value: one\n"})
        here.archives["more"] = packed({"more/map.yaml": MAP.format("more").replace("by-archive", "plain")})
        chart, values, more = (here.declare(name) for name in ("chart", "values", "more"))
        sources = (
            UnitSource(chart, HelmRecipe(path="chart", value_files=("$values/prod.yaml",))),
            UnitSource(values, name="values"),
            UnitSource(more, DirectoryRecipe(path="more")),
        )
        unit = a_unit("web", chart, sources=sources, policy=SyncPolicy(prune=True))
        here.engine.declare(unit)
        await here.settled(unit)
        assert [await here.value("by-archive"), await here.value("plain")] == ["one", "more"]
        before = here.reports.units[unit.ref].revisions
        assert len(before) == 3
        here.archives["values"] = packed({"prod.yaml": "value: two\n"})
        here.engine.source_controller.poll_anew(values)
        await here.settled(unit, after=before)
        assert [await here.value("by-archive"), await here.value("plain")] == ["two", "more"]
        after = here.reports.units[unit.ref].revisions
        assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]
