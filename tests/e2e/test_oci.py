"""Artifacts of a registry are delivered for both dialects, told as upstream tells them, and refused by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from support.commands import run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    condition,
    eventually,
    kustomization,
    ready,
    says,
    synced,
    working,
)
from support.registry import ARGO_LAYER, PASSWORD, USER, Front, Registry, front, registry
from trueup.core.model.objects import Body
from trueup.runtime.controller import Controller

ARTIFACT = ("source.toolkit.fluxcd.io", "OCIRepository")
MAPS = ("", "ConfigMap")
WHERE = "flux-system"
COMMIT = "c" * 40
ORIGIN = {
    "org.opencontainers.image.source": "https://git.example/shop",
    "org.opencontainers.image.revision": f"main@sha1:{COMMIT}",
}


def config(name: str, value: str = "1") -> dict[str, str | bytes]:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"
    return {f"app/{name}.yaml": text}


def artifact(name: str, url: str, **spec: Any) -> str:
    body = {
        "apiVersion": f"{ARTIFACT[0]}/v1",
        "kind": ARTIFACT[1],
        "metadata": {"name": name, "namespace": WHERE},
        "spec": {"interval": "1s", "url": f"oci://{url}", "secretRef": {"name": "registry"}, **spec},
    }
    return yaml.safe_dump(body)


def docker_secret(name: str, host: str, password: str = PASSWORD) -> str:
    config = json.dumps({"auths": {host: {"username": USER, "password": password}}})
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": WHERE},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config},
    }
    return yaml.safe_dump(body)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    async with registry(tmp_path_factory.mktemp("registry")) as made:
        await world.apply(docker_secret("registry", made.host))
        ca = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": WHERE}}
        await world.apply(yaml.safe_dump({**ca, "stringData": {"ca.crt": made.ca}}))
        yield made


def value_is(value: str) -> Any:
    return lambda body: ((body or {}).get("data") or {}).get("value") == value


async def stored(world: World, name: str, revision: str) -> Body:
    return await world.until(
        ARTIFACT,
        WHERE,
        name,
        lambda body: ready(body) and body is not None and body["status"]["artifact"]["revision"] == revision,
    )


async def test_a_tag_is_delivered_and_delivered_again_when_it_moves(world: World, hub: Registry) -> None:
    first = await hub.push("team/moves", "latest", config("moves", "one"), annotations=ORIGIN)
    await world.apply(artifact("moves", f"{hub.host}/team/moves", certSecretRef={"name": "ca"}))
    await world.apply(kustomization("moves", "./app", "moves", sourceRef={"kind": ARTIFACT[1], "name": "moves"}))
    revision = f"latest@{first}"
    body = await stored(world, "moves", revision)
    status = body["status"]
    assert status["artifact"]["metadata"] == ORIGIN
    assert condition(body, "Ready")["message"] == f"stored artifact for digest '{revision}'"
    assert condition(body, "ArtifactInStorage")["reason"] == "Succeeded"
    assert status["observedGeneration"] == body["metadata"]["generation"]
    async with aiohttp.ClientSession() as session, session.get(status["artifact"]["url"]) as answer:
        assert answer.status == 200 and len(await answer.read()) == status["artifact"]["size"]
    await world.until(KUSTOMIZATION, WHERE, "moves", lambda body: ready(body, revision))
    await world.until(MAPS, WHERE, "moves", value_is("one"))
    second = await hub.push("team/moves", "latest", config("moves", "two"))
    await world.until(KUSTOMIZATION, WHERE, "moves", lambda body: ready(body, f"latest@{second}"))
    await world.until(MAPS, WHERE, "moves", value_is("two"))


async def test_a_range_and_a_digest_are_followed(world: World, hub: Registry) -> None:
    for tag in ("1.0.0", "1.4.0", "2.0.0"):
        digest = await hub.push("team/range", tag, config("range", tag))
    await world.apply(
        artifact("range", f"{hub.host}/team/range", certSecretRef={"name": "ca"}, ref={"semver": "1.x"})
        + "---\n"
        + artifact("pinned", f"{hub.host}/team/range", certSecretRef={"name": "ca"}, ref={"digest": digest})
        + "---\n"
        + kustomization("range", "./app", "range", sourceRef={"kind": ARTIFACT[1], "name": "range"})
    )
    await world.until(MAPS, WHERE, "range", value_is("1.4.0"))
    await stored(world, "pinned", digest)


async def test_an_application_takes_an_artifact_with_a_secret_of_its_repository(world: World, hub: Registry) -> None:
    digest = await hub.push("team/argo", "1.2.0", config("argo"), media_type=ARGO_LAYER, annotations=ORIGIN)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "hub",
            "namespace": "argocd",
            "labels": {"argocd.argoproj.io/secret-type": "repository"},
        },
        "stringData": {"type": "oci", "url": f"oci://{hub.host}/team/argo", "username": USER, "password": PASSWORD},
    }
    secret["stringData"]["insecure"] = "true"  # type: ignore[index]
    await world.apply(yaml.safe_dump(secret))
    await world.apply(application("artifact", f"oci://{hub.host}/team/argo", "app", "argo-oci", targetRevision="1.*"))
    body = await world.until(APPLICATION, "argocd", "artifact", synced)
    assert body["status"]["sync"]["revision"] == digest
    assert body["status"]["history"][-1]["revision"] == digest
    await world.until(MAPS, "argo-oci", "argo", value_is("1"))
    told = await run_trueup(world.cluster, "blame", "configmap/argo", "-n", "argo-oci", "-o", "json")
    assert told.code == 0, told.err
    blame = json.loads(told.out)
    (value,) = [row for row in blame["fields"] if row["path"] == "data.value"]
    assert (value["commit"]["id"], value["file"]) == (COMMIT, "app/argo.yaml"), "what the artifact says it is made from"
    assert "keeps no history" in blame["note"] and digest in blame["revision"]
    newer = await hub.push("team/argo", "1.3.0", config("argo", "2"), media_type=ARGO_LAYER)
    await world.until(APPLICATION, "argocd", "artifact", lambda body: synced(body, newer))


async def test_what_is_wrong_is_told_and_the_last_artifact_stays(world: World, hub: Registry) -> None:
    good = await hub.push("team/wrong", "latest", config("wrong"))
    await world.apply(docker_secret("changing", hub.host))
    named = {"certSecretRef": {"name": "ca"}, "secretRef": {"name": "changing"}}
    await world.apply(artifact("wrong", f"{hub.host}/team/wrong", **named))
    await world.apply(kustomization("wrong", "./app", "wrong", sourceRef={"kind": ARTIFACT[1], "name": "wrong"}))
    await world.until(KUSTOMIZATION, WHERE, "wrong", lambda body: ready(body, good))
    await world.apply(docker_secret("changing", hub.host, "wrong-password"))
    body = await world.until(ARTIFACT, WHERE, "wrong", says("401"))
    assert condition(body, "FetchFailed")["reason"] == condition(body, "Ready")["reason"] == "AuthenticationFailed"
    assert body["status"]["artifact"]["revision"] == f"latest@{good}"
    assert "wrong-password" not in json.dumps(body)
    await world.apply(docker_secret("changing", hub.host))
    await stored(world, "wrong", f"latest@{good}")
    await hub.push("team/wrong", "latest", layer=b"garbage" * 100)
    body = await world.until(ARTIFACT, WHERE, "wrong", says("is no tarball"))
    assert condition(body, "Ready")["reason"] == "OCIArtifactLayerOperationFailed"
    assert body["status"]["artifact"]["revision"] == f"latest@{good}"
    assert await world.get(MAPS, WHERE, "wrong") is not None
    better = await hub.push("team/wrong", "latest", config("wrong", "2"))
    await world.until(KUSTOMIZATION, WHERE, "wrong", lambda body: ready(body, better))


async def test_what_is_not_supported_is_refused_by_name(world: World, hub: Registry) -> None:
    await world.apply(artifact("signed", f"{hub.host}/team/moves", verify={"provider": "cosign"}))
    body = await world.until(ARTIFACT, WHERE, "signed", says("spec.verify is not supported yet"))
    assert condition(body, "Stalled")["status"] == "True" and "artifact" not in body["status"]


async def test_after_a_restart_nothing_is_fetched_again(world: World, hub: Registry) -> None:
    async with front(hub) as before:
        digest = await hub.push("team/restart", "latest", config("restart"))
        await world.apply(docker_secret("front", before.host))
        named = {"secretRef": {"name": "front"}, "insecure": True}
        await world.apply(artifact("restart", f"{before.host}/team/restart", **named))
        unit = kustomization("restart", "./app", "restart", sourceRef={"kind": ARTIFACT[1], "name": "restart"})
        await world.apply(unit)
        await world.until(KUSTOMIZATION, WHERE, "restart", lambda body: ready(body, digest))
        await world.stop()
        before.asked.clear()
        await _restarted(world, before)
        assert {method for method, _ in before.asked} == {"HEAD"}


async def _restarted(world: World, before: Front) -> None:
    controller = Controller(world.controller.settings)
    async with working(controller):
        await eventually(lambda: len(before.asked) > 1)
