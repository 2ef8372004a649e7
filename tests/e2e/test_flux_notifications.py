"""Flux' Alerts are told of a deployment, of a bad one that was taken back, and of its end: each once."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
import yaml

from support.e2e import KUSTOMIZATION, World, condition, kustomization, ready, repository
from support.e2e import world as a_world
from support.listener import Heard, Listener, listening
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster

URL = "https://github.com/team/alerts"
TOKEN = "signing-token"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: flux-system}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""


def declared(url: str) -> str:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hook", "namespace": "flux-system"},
        "stringData": {"address": f"{url}/events", "token": TOKEN},
    }
    group = "notification.toolkit.fluxcd.io/v1beta3"
    metadata = {"name": "hook", "namespace": "flux-system"}
    provider = {"apiVersion": group, "kind": "Provider", "metadata": metadata}
    provider["spec"] = {"type": "generic-hmac", "secretRef": {"name": "hook"}}
    alert = {"apiVersion": group, "kind": "Alert", "metadata": metadata}
    alert["spec"] = {
        "providerRef": {"name": "hook"},
        "eventSeverity": "info",
        "eventSources": [{"kind": "Kustomization", "name": "*"}, {"kind": "GitRepository", "name": "alerts"}],
        "eventMetadata": {"cluster": "test"},
    }
    odd = {"apiVersion": group, "kind": "Provider", "metadata": {**metadata, "name": "odd"}, "spec": {"type": "nats"}}
    return yaml.safe_dump_all([secret, provider, alert, odd])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listener(world: World) -> AsyncIterator[Listener]:
    async with listening() as made:
        await world.apply(declared(made.url))
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World, listener: Listener) -> AsyncIterator[Repository]:
    made = world.repository("team/alerts", {"web/web.yaml": DEPLOYMENT.format(tag="1")})
    await world.apply(repository("alerts", URL))
    await world.apply(kustomization("web", "./web", "alerts", wait=True))
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    yield made


def about(kind: str, *words: str, severity: str = "") -> Callable[[list[Heard]], bool]:
    def holds(heard: list[Heard]) -> bool:
        return any(
            item.json()["involvedObject"]["kind"] == kind
            and severity in item.json()["severity"]
            and all(word in item.json()["message"] for word in words)
            for item in heard
        )

    return holds


async def test_a_deployment_is_told_once_and_signed(world: World, listener: Listener, repo: Repository) -> None:
    await listener.until(about("Kustomization", "Reconciliation finished", "Deployment/flux-system/web created"))
    heard = await listener.until(about("GitRepository", "stored artifact for commit 'first'"))
    assert len(heard) == 2, [item.json() for item in heard]
    for item in heard:
        wanted = hmac.new(TOKEN.encode(), item.body, hashlib.sha256).hexdigest()
        assert item.headers["X-Signature"] == f"sha256={wanted}"
        assert item.json()["metadata"]["cluster"] == "test" and TOKEN not in item.body.decode()


async def test_a_bad_image_and_its_end_are_told_once_each(world: World, listener: Listener, repo: Repository) -> None:
    listener.heard.clear()
    repo.commit({"web/web.yaml": DEPLOYMENT.format(tag="broken")}, "Break it")
    await listener.until(about("Kustomization", "returned to main@sha1:", severity="error"))
    await world.until(
        KUSTOMIZATION, "flux-system", "web", lambda body: condition(body, "Ready").get("status") == "False"
    )
    good = repo.commit({"web/web.yaml": DEPLOYMENT.format(tag="2")}, "Mend it")
    await world.until(KUSTOMIZATION, "flux-system", "web", lambda body: ready(body, good))
    heard = await listener.until(
        lambda heard: any(
            good in str(item.json()["metadata"])
            and item.json()["severity"] == "info"
            and item.json()["involvedObject"]["kind"] == "Kustomization"
            for item in heard
        )
    )
    told = [item.json() for item in heard if item.json()["involvedObject"]["kind"] == "Kustomization"]
    # That the last good revision runs again is no good news of its own: the bad one has said so.
    assert [item["severity"] for item in told] == ["error", "info"], told


async def test_a_restart_tells_nothing_anew(tmp_path: Path) -> None:
    async with Cluster.start(ephemeral=True, nodes=1) as cluster, listening() as heard_by:
        async with a_world(cluster, tmp_path, poll=1.0, jitter=0.0) as first:
            await first.apply(declared(heard_by.url))
            made = first.repository("team/alerts", {"web/web.yaml": DEPLOYMENT.format(tag="1")})
            await first.apply(repository("alerts", URL))
            await first.apply(kustomization("web", "./web", "alerts", wait=True))
            await heard_by.until(about("Kustomization", "Reconciliation finished"))
            await heard_by.until(about("GitRepository", "stored artifact"))
        heard_by.heard.clear()
        async with a_world(cluster, tmp_path, poll=1.0, jitter=0.0):
            commit = made.commit({"web/web.yaml": DEPLOYMENT.format(tag="2")}, "Go on")
            heard = await heard_by.until(about("Kustomization", "Reconciliation finished"))
        assert all(commit in str(item.json()["metadata"]) for item in heard), [item.json() for item in heard]


async def test_drift_is_told(world: World, listener: Listener, repo: Repository) -> None:
    await world.patch(("apps", "Deployment"), "flux-system", "web", {"spec": {"replicas": 4}})
    await listener.until(about("Kustomization", "drift was corrected", "spec.replicas 4 → 1"))


async def test_what_is_not_supported_says_so(world: World, listener: Listener) -> None:
    def said(body: Body | None) -> bool:
        return "not supported" in condition(body, "Ready").get("message", "")

    await world.until(("notification.toolkit.fluxcd.io", "Provider"), "flux-system", "odd", said)


async def test_events_stand_on_the_objects(world: World, listener: Listener, repo: Repository) -> None:
    resource = await world.mapper.find("", "Event")
    assert resource is not None
    found = (await world.client.list_all(resource, "flux-system")).items
    told = {(item["involvedObject"]["kind"], item["reason"], item["type"]) for item in found}
    assert ("Kustomization", "ReconciliationSucceeded", "Normal") in told
    assert ("Kustomization", "HealthCheckFailed", "Warning") in told
