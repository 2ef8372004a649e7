"""What another controller has stored is delivered, by its status; where it cannot be fetched, the last one stays."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import web

from support.e2e import KUSTOMIZATION, World, eventually, kustomization, ready, says
from support.registry import tarball
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.kube.statuses import patch_status

EXTERNAL = ("source.toolkit.fluxcd.io", "ExternalArtifact")
MAPS = ("", "ConfigMap")
WHERE = "flux-system"


@pytest.fixture(scope="module", autouse=True)
def allowed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRUEUP_ARTIFACT_HOSTS", "127.0.0.1")
        yield


class Maker:
    """Another controller: it stores tarballs, and says in statuses where they lie."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.address = ""
        self.stored: dict[str, bytes] = {}

    async def answer(self, request: web.Request) -> web.Response:
        found = self.stored.get(request.path)
        return web.Response(body=found) if found is not None else web.Response(status=404)

    async def make(self, name: str, value: str, version: str, **told: Any) -> str:
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"
        content = tarball({f"app/{name}.yaml": text})
        digest = hashlib.sha256(content).hexdigest()
        self.stored[f"/{name}/{version}"] = content
        artifact = {
            "url": f"{self.address}/{name}/{version}",
            "digest": f"sha256:{digest}",
            "revision": f"{version}@sha256:{digest}",
            "path": f"{name}/{version}",
            "lastUpdateTime": "2026-01-02T03:04:05Z",
            **told,
        }
        body = await self.world.get(EXTERNAL, WHERE, name)
        assert body is not None
        write = StatusWrite({"artifact": artifact}, "maker")
        ref = ObjectRef(*EXTERNAL, WHERE, name)
        await patch_status(self.world.client, self.world.mapper, ref, body, write)
        return str(artifact["revision"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def maker(world: World) -> AsyncIterator[Maker]:
    made = Maker(world)
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def external(name: str) -> str:
    body = {
        "apiVersion": f"{EXTERNAL[0]}/v1",
        "kind": EXTERNAL[1],
        "metadata": {"name": name, "namespace": WHERE},
        "spec": {"sourceRef": {"apiVersion": "example.com/v1", "kind": "Maker", "name": name}},
    }
    return yaml.safe_dump(body)


def unit(name: str) -> str:
    return kustomization(name, "./app", name, sourceRef={"kind": EXTERNAL[1], "name": name})


def value_is(value: str) -> Any:
    return lambda body: ((body or {}).get("data") or {}).get("value") == value


async def test_each_version_that_a_status_names_is_delivered(world: World, maker: Maker) -> None:
    await world.apply(external("made") + "---\n" + unit("made"))
    await world.until(KUSTOMIZATION, WHERE, "made", says("status.artifact is not there yet"))
    first = await maker.make("made", "one", "v1")
    await world.until(KUSTOMIZATION, WHERE, "made", lambda body: ready(body, first))
    await world.until(MAPS, WHERE, "made", value_is("one"))
    second = await maker.make("made", "two", "v2")
    await world.until(KUSTOMIZATION, WHERE, "made", lambda body: ready(body, second))
    await world.until(MAPS, WHERE, "made", value_is("two"))
    body = await world.get(EXTERNAL, WHERE, "made")
    assert body is not None and "conditions" not in body["status"]


async def test_what_cannot_be_fetched_is_told_and_the_last_one_stays(world: World, maker: Maker) -> None:
    await world.apply(external("bad") + "---\n" + unit("bad"))
    await world.get(EXTERNAL, WHERE, "bad")
    await maker.make("bad", "one", "v0", url="http://169.254.169.254/latest")
    await world.until(KUSTOMIZATION, WHERE, "bad", says("TRUEUP_ARTIFACT_HOSTS"))
    good = await maker.make("bad", "one", "v1")
    await world.until(KUSTOMIZATION, WHERE, "bad", lambda body: ready(body, good))
    await maker.make("bad", "two", "v2", digest="sha256:" + "a" * 64)
    ref = ObjectRef(*EXTERNAL, WHERE, "bad")

    def told() -> bool:
        state = world.session().engine.source_controller.state(ref)
        return state is not None and "does not have the digest" in str(state.error)

    await eventually(told)
    body = await world.get(KUSTOMIZATION, WHERE, "bad")
    assert ready(body, good)
    better = await maker.make("bad", "three", "v3")
    await world.until(KUSTOMIZATION, WHERE, "bad", lambda body: ready(body, better))
