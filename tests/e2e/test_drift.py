"""Drift on objects that cannot simply be applied, or are watched in another version than theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    eventually,
    kustomization,
    ready,
    repository,
    synced,
)
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository

URL = "https://github.com/team/drift"
DEPLOYMENTS = ("apps", "Deployment")
SCALERS = ("autoscaling", "HorizontalPodAutoscaler")
MAPS = ("", "ConfigMap")

TWICE = """apiVersion: apps/v1
kind: Deployment
metadata: {name: twice}
spec:
  replicas: 0
  selector: {matchLabels: {app: twice}}
  template:
    metadata: {labels: {app: twice}}
    spec:
      containers:
        - name: app
          image: app:1
          env: [{name: X, value: '1'}, {name: X, value: '2'}, {name: Y, value: '3'}]
"""

REPLACED = """apiVersion: v1
kind: ConfigMap
metadata: {name: replaced, annotations: {argocd.argoproj.io/sync-options: Replace=true}}
data: {value: '1'}
"""

SCALER = """apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: scaler}
spec:
  minReplicas: 1
  maxReplicas: 3
  targetCPUUtilizationPercentage: 70
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: twice}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World) -> AsyncIterator[Repository]:
    files = {"flux/twice.yaml": TWICE, "flux/scaler.yaml": SCALER, "argo/replaced.yaml": REPLACED}
    made = world.repository("team/drift", files)
    await world.apply(repository("drift", URL))
    await world.apply(kustomization("drift", "./flux", "drift"))
    await world.apply(application("drift", URL, "argo", "drift"))
    await world.until(KUSTOMIZATION, "flux-system", "drift", ready)
    await world.until(APPLICATION, "argocd", "drift", synced)
    yield made


def environment(body: Body | None) -> Any:
    return body and [each["value"] for each in body["spec"]["template"]["spec"]["containers"][0]["env"]]


def target(body: Body | None) -> Any:
    return body and [each["resource"]["target"]["averageUtilization"] for each in body["spec"]["metrics"]]


async def test_drift_on_a_list_with_repeated_keys_is_healed(world: World, repo: Repository) -> None:
    for values in (["1", "9", "3"], ["9", "2", "3"], ["1"]):
        names = ["X", "X", "Y"][: len(values)]
        env = [{"name": name, "value": value} for name, value in zip(names, values, strict=True)]
        containers = [{"name": "app", "image": "app:1", "env": env}]
        patch = {"spec": {"template": {"spec": {"containers": containers}}}}
        await world.patch(DEPLOYMENTS, "flux-system", "twice", patch)
        await world.until(DEPLOYMENTS, "flux-system", "twice", lambda body: environment(body) == ["1", "2", "3"])


async def test_drift_on_what_is_written_by_replace_is_healed(world: World, repo: Repository) -> None:
    await world.patch(MAPS, "drift", "replaced", {"data": {"value": "by hand"}})
    await world.until(MAPS, "drift", "replaced", lambda body: body is not None and body["data"] == {"value": "1"})


async def test_drift_of_a_kind_watched_in_another_version_is_healed(world: World, repo: Repository) -> None:
    """The autoscaler is applied in v1 and watched in v2, which is the cluster's preferred version."""
    body = await world.get(SCALERS, "flux-system", "scaler")
    assert body is not None and body["apiVersion"] == "autoscaling/v2" and target(body) == [70]
    aim = {"type": "Utilization", "averageUtilization": 5}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": aim}}]
    await world.patch(SCALERS, "flux-system", "scaler", {"spec": {"metrics": metrics}})
    await world.until(SCALERS, "flux-system", "scaler", lambda body: target(body) == [70])
    await world.patch(SCALERS, "flux-system", "scaler", {"spec": {"maxReplicas": 9}})
    await world.until(
        SCALERS, "flux-system", "scaler", lambda body: body is not None and body["spec"]["maxReplicas"] == 3
    )


async def test_what_is_true_is_not_written_again(world: World, repo: Repository) -> None:
    kinds = ((DEPLOYMENTS, "flux-system", "twice"), (SCALERS, "flux-system", "scaler"), (MAPS, "drift", "replaced"))

    async def versions() -> list[str]:
        found = [await world.get(*each) for each in kinds]
        return [str(body and body["metadata"]["resourceVersion"]) for body in found]

    # What a heal left to be done is done by then, by Trueup and by the Deployment's controller.
    await world.until(DEPLOYMENTS, "flux-system", "twice", rolled_out)
    await world.settled()
    before = await versions()
    repo.commit({"README.md": "nothing of theirs\n"}, "touch nothing")
    for wish in ("first", "second"):
        asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": wish}}}
        await world.patch(KUSTOMIZATION, "flux-system", "drift", asked)
        await world.until(KUSTOMIZATION, "flux-system", "drift", heard(wish))
    assert await versions() == before


WATCHED = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: gauges.drift.example.org}}
spec:
  group: drift.example.org
  names: {{kind: Gauge, plural: gauges}}
  scope: Namespaced
  versions: [{}]
"""
VERSION = """{{name: {}, served: true, storage: {}, schema: {{openAPIV3Schema: {{type: object, properties: {{
  spec: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}}}}}"""
GAUGE = ("drift.example.org", "Gauge")


async def test_a_definition_that_gains_a_version_makes_nothing_drift(world: World, repo: Repository) -> None:
    await world.apply(WATCHED.format(VERSION.format("v1", "true")))
    thing = "apiVersion: drift.example.org/v1\nkind: Gauge\nmetadata: {name: g}\nspec: {size: 1}\n"
    repo.commit({"gauge/g.yaml": thing}, "an object of a kind with one version")
    await world.apply(kustomization("gauge", "./gauge", "drift"))
    await world.until(KUSTOMIZATION, "flux-system", "gauge", ready)
    before = await world.get(GAUGE, "flux-system", "g")
    assert before is not None and before["apiVersion"] == "drift.example.org/v1"
    await world.apply(WATCHED.format(f"{VERSION.format('v1', 'true')}, {VERSION.format('v2', 'false')}"))

    def known() -> bool:
        return "drift.example.org/v2/Gauge" in world.session().target.capabilities().api_versions

    await eventually(known)
    await world.mapper.refresh()
    seen = await world.get(GAUGE, "flux-system", "g")
    assert seen is not None and seen["apiVersion"] == "drift.example.org/v2"
    for wish in ("one", "two"):
        asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": wish}}}
        await world.patch(KUSTOMIZATION, "flux-system", "gauge", asked)
        await world.until(KUSTOMIZATION, "flux-system", "gauge", heard(wish))
        await world.settled()
    seen = await world.get(GAUGE, "flux-system", "g")
    assert seen is not None and seen["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    await world.patch(GAUGE, "flux-system", "g", {"spec": {"size": 7}})
    await world.until(GAUGE, "flux-system", "g", lambda body: body is not None and body["spec"] == {"size": 1})


def rolled_out(body: Body | None) -> bool:
    status = (body or {}).get("status", {})
    reasons = {each["type"]: each["reason"] for each in status.get("conditions", ())}
    current = body is not None and status.get("observedGeneration") == body["metadata"]["generation"]
    return current and reasons.get("Progressing") == "NewReplicaSetAvailable"


def heard(wish: str) -> Callable[[Body | None], bool]:
    return lambda body: (body or {}).get("status", {}).get("lastHandledReconcileAt") == wish
