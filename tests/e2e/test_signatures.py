"""A GitRepository that wants signatures delivers only what bears one, and says whose it is."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    REPOSITORY,
    World,
    application,
    condition,
    kustomization,
    ready,
    says,
    synced,
)
from support.git_signing import OpenPgp, sign_commit

MAPS = ("", "ConfigMap")
WHERE = "flux-system"


def secret(**keys: bytes) -> str:
    data = {name.replace("_", "."): base64.b64encode(value).decode() for name, value in keys.items()}
    metadata = {"name": "signers", "namespace": WHERE}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def config(value: str) -> dict[str, str]:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: signed}}\ndata: {{value: {value!r}}}\n"
    return {"app/map.yaml": text}


def value_is(value: str) -> Any:
    return lambda body: ((body or {}).get("data") or {}).get("value") == value


def at(commit: str) -> Any:
    def holds(body: Any) -> bool:
        artifact = ((body or {}).get("status") or {}).get("artifact") or {}
        return ready(body) and commit in artifact.get("revision", "")

    return holds


@pytest.fixture(scope="module")
def ann() -> OpenPgp:
    return OpenPgp("Ann")


async def test_only_what_bears_a_signature_of_a_known_key_is_delivered(world: World, ann: OpenPgp) -> None:
    repository = world.repository("signed", config("unsigned"))
    spec = {
        "interval": "1s",
        "url": world.server.url_of(repository),
        "ref": {"branch": "main"},
        "verify": {"mode": "HEAD", "secretRef": {"name": "signers"}},
    }
    metadata = {"name": "signed", "namespace": WHERE}
    body = {"apiVersion": f"{REPOSITORY[0]}/v1", "kind": REPOSITORY[1], "metadata": metadata, "spec": spec}
    await world.apply(yaml.safe_dump(body) + "---\n" + kustomization("signed", "./app", "signed"))
    found = await world.until(REPOSITORY, WHERE, "signed", says("signers", "create it"))
    assert condition(found, "SourceVerified")["reason"] == "VerificationError"
    await world.apply(secret(ann_asc=ann.public))
    found = await world.until(REPOSITORY, WHERE, "signed", says("it is not signed"))
    assert (
        condition(found, "SourceVerified")["reason"] == condition(found, "Ready")["reason"] == "InvalidCommitSignature"
    )
    assert "artifact" not in found["status"]
    first = sign_commit(repository, ann.sign)
    found = await world.until(REPOSITORY, WHERE, "signed", at(first))
    assert ann.id in condition(found, "SourceVerified")["message"]
    assert found["status"]["sourceVerificationMode"] == "HEAD"
    await world.until(MAPS, WHERE, "signed", value_is("unsigned"))
    repository.commit(config("forged"), "forged")
    sign_commit(repository, OpenPgp("Eve").sign)
    found = await world.until(REPOSITORY, WHERE, "signed", says("has made its signature"))
    assert first in found["status"]["artifact"]["revision"]
    assert condition(found, "SourceVerified")["status"] == "False"
    found = await world.until(KUSTOMIZATION, WHERE, "signed", lambda body: ready(body, first))
    live = await world.get(MAPS, WHERE, "signed")
    assert live is not None and live["data"]["value"] == "unsigned" and "forged" not in json.dumps(found)
    repository.commit(config("good"), "good")
    second = sign_commit(repository, ann.sign)
    await world.until(KUSTOMIZATION, WHERE, "signed", lambda body: ready(body, second))
    await world.until(MAPS, WHERE, "signed", value_is("good"))


async def test_a_project_with_keys_lets_its_applications_take_signed_commits_alone(world: World, ann: OpenPgp) -> None:
    repository = world.repository("argo-signed", {"app/map.yaml": config("one")["app/map.yaml"]})
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "signed", "namespace": "argocd"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            "signatureKeys": [{"keyID": ann.id}],
        },
    }
    url = world.server.url_of(repository)
    await world.apply(yaml.safe_dump(project))
    await world.apply(application("signed", url, "app", "argo-signed").replace("project: default", "project: signed"))
    await world.until(APPLICATION, "argocd", "signed", says(f"wants signatures of {ann.id}", "argocd gpg add"))
    keys = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-gpg-keys-cm", "namespace": "argocd"}}
    await world.apply(yaml.safe_dump({**keys, "data": {ann.id: ann.public.decode()}}))
    await world.until(APPLICATION, "argocd", "signed", says("it is not signed"))
    commit = sign_commit(repository, ann.sign)
    await world.until(APPLICATION, "argocd", "signed", lambda body: synced(body, commit))
    repository.commit(config("forged"), "forged")
    await world.until(APPLICATION, "argocd", "signed", says("it is not signed"))
    await world.until(MAPS, "argo-signed", "signed", value_is("one"))
