"""The objects of a bucket are delivered, told as upstream tells them, traced to their file, and refused by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from support.buckets import REGION, Buckets, buckets, front
from support.commands import run_trueup
from support.e2e import KUSTOMIZATION, World, condition, eventually, kustomization, ready, says, working
from trueup.core.model.objects import Body
from trueup.runtime.controller import Controller

BUCKET = ("source.toolkit.fluxcd.io", "Bucket")
MAPS = ("", "ConfigMap")
WHERE = "flux-system"


def config(name: str, value: str) -> dict[str, str | bytes | None]:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"
    return {f"app/{name}.yaml": text}


def revision_of(files: dict[str, Any]) -> str:
    lines = [f"{key} {hashlib.md5(text.encode()).hexdigest()}\n" for key, text in sorted(files.items())]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def bucket(name: str, host: str, **spec: Any) -> str:
    fields = {
        "interval": "1s",
        "bucketName": name,
        "endpoint": host,
        "region": REGION,
        "insecure": True,
        "secretRef": {"name": "bucket-keys"},
        **spec,
    }
    metadata = {"name": name, "namespace": WHERE}
    return yaml.safe_dump({"apiVersion": f"{BUCKET[0]}/v1", "kind": BUCKET[1], "metadata": metadata, "spec": fields})


def secret(name: str, server: Buckets, key: str = "") -> str:
    data = {"accesskey": server.access_key, "secretkey": key or server.secret_key}
    metadata = {"name": name, "namespace": WHERE}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


def unit(name: str) -> str:
    return kustomization(name, "./app", name, sourceRef={"kind": BUCKET[1], "name": name})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Buckets]:
    async with buckets(tmp_path_factory.mktemp("buckets")) as made:
        await world.apply(secret("bucket-keys", made))
        yield made


def value_is(value: str) -> Any:
    return lambda body: ((body or {}).get("data") or {}).get("value") == value


async def stored(world: World, name: str, revision: str) -> Body:
    return await world.until(
        BUCKET,
        WHERE,
        name,
        lambda body: ready(body) and body is not None and body["status"]["artifact"]["revision"] == revision,
    )


async def test_objects_are_delivered_and_delivered_again_when_they_change(world: World, server: Buckets) -> None:
    await server.make("moves")
    files = config("moves", "one")
    await server.put("moves", files)
    await world.apply(bucket("moves", server.host, ignore="*.md") + "---\n" + unit("moves"))
    revision = revision_of(files)
    body = await stored(world, "moves", revision)
    status = body["status"]
    assert condition(body, "Ready")["message"] == f"stored artifact: revision '{revision}'"
    assert condition(body, "ArtifactInStorage")["reason"] == "Succeeded"
    assert status["observedGeneration"] == body["metadata"]["generation"] and status["observedIgnore"] == "*.md"
    async with aiohttp.ClientSession() as session, session.get(status["artifact"]["url"]) as answer:
        assert answer.status == 200 and len(await answer.read()) == status["artifact"]["size"]
    await world.until(KUSTOMIZATION, WHERE, "moves", lambda body: ready(body, revision))
    await world.until(MAPS, WHERE, "moves", value_is("one"))
    files = config("moves", "two")
    await server.put("moves", files)
    second = revision_of(files)
    await world.until(KUSTOMIZATION, WHERE, "moves", lambda body: ready(body, second))
    await world.until(MAPS, WHERE, "moves", value_is("two"))
    blamed = await run_trueup(world.cluster, "blame", "configmap/moves", "-n", WHERE, "--field", "data.value")
    assert "app/moves.yaml" in blamed.out and second.partition(":")[2][:7] in blamed.out, (blamed.out, blamed.err)
    told = await run_trueup(world.cluster, "history", "ks/moves")
    assert second.partition(":")[2][:7] in told.out, told.out


async def test_what_is_wrong_is_told_and_the_last_artifact_stays(world: World, server: Buckets) -> None:
    await server.make("wrong")
    files = config("wrong", "good")
    await server.put("wrong", files)
    good = revision_of(files)
    await world.apply(secret("changing", server))
    await world.apply(bucket("wrong", server.host, secretRef={"name": "changing"}) + "---\n" + unit("wrong"))
    await world.until(KUSTOMIZATION, WHERE, "wrong", lambda body: ready(body, good))
    await world.apply(secret("changing", server, "wrong-secret-key"))
    body = await world.until(BUCKET, WHERE, "wrong", says("check the keys"))
    assert condition(body, "FetchFailed")["reason"] == condition(body, "Ready")["reason"] == "AuthenticationFailed"
    assert body["status"]["artifact"]["revision"] == good and "wrong-secret-key" not in json.dumps(body)
    await world.apply(secret("changing", server))
    await stored(world, "wrong", good)
    await server.put("wrong", {"app/wrong.yaml/clash": "x"})
    body = await world.until(BUCKET, WHERE, "wrong", says("is an object and a folder"))
    assert condition(body, "Ready")["reason"] == "BucketOperationFailed"
    await server.put("wrong", {"app/wrong.yaml/clash": None, "app/wrong.yaml": None})
    body = await world.until(BUCKET, WHERE, "wrong", says("has no objects"))
    assert body["status"]["artifact"]["revision"] == good
    assert await world.get(MAPS, WHERE, "wrong") is not None
    files = config("wrong", "better")
    await server.put("wrong", files)
    await world.until(KUSTOMIZATION, WHERE, "wrong", lambda body: ready(body, revision_of(files)))


async def test_what_is_not_supported_is_refused_by_name(world: World, server: Buckets) -> None:
    await world.apply(bucket("cloud", server.host, provider="gcp"))
    body = await world.until(BUCKET, WHERE, "cloud", says("spec.provider: 'gcp' is not supported yet"))
    assert condition(body, "Stalled")["status"] == "True" and "artifact" not in body["status"]


async def test_after_a_restart_no_object_is_fetched_again(world: World, server: Buckets) -> None:
    async with front(server.host) as before:
        await server.make("restart")
        files = config("restart", "1")
        await server.put("restart", files)
        await world.apply(bucket("restart", before.host) + "---\n" + unit("restart"))
        await world.until(KUSTOMIZATION, WHERE, "restart", lambda body: ready(body, revision_of(files)))
        await world.stop()
        before.fresh()
        controller = Controller(world.controller.settings)
        async with working(controller):
            await eventually(lambda: len(before.asked) > 3)
        assert not before.objects
