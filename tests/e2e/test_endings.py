"""How units end: with their service account gone, and with objects that do not go."""

from __future__ import annotations

from typing import Any

import yaml

from support.commands import run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    kustomization,
    ready,
    repository,
    says,
    synced,
)
from trueup.core.model.objects import Body

MAPS = ("", "ConfigMap")
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: left}\ndata: {a: b}\n"
TENANT = """apiVersion: v1
kind: Namespace
metadata: {name: tb}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: dep, namespace: tb}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dep, namespace: tb}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: dep, namespace: tb}]
"""


def absent(body: Body | None) -> bool:
    return body is None


async def events_of(world: World, namespace: str) -> str:
    resource = await world.mapper.find("", "Event")
    assert resource is not None
    return " ".join(str(item.get("message")) for item in (await world.client.list_all(resource, namespace)).items)


async def test_a_kustomization_whose_service_account_is_gone_ends_and_says_what_stays(world: World) -> None:
    world.repository("team/tb", {"x/map.yaml": MAP})
    await world.apply(TENANT)
    await world.apply(repository("tb", "https://github.com/team/tb", namespace="tb"))
    await world.apply(kustomization("tb", "./x", "tb", "tb", serviceAccountName="dep", targetNamespace="tb"))
    await world.until(KUSTOMIZATION, "tb", "tb", ready)
    await world.delete(("rbac.authorization.k8s.io", "RoleBinding"), "tb", "dep")
    await world.delete(("", "ServiceAccount"), "tb", "dep")
    await world.delete(KUSTOMIZATION, "tb", "tb")
    await world.until(KUSTOMIZATION, "tb", "tb", absent)
    assert await world.get(MAPS, "tb", "left") is not None
    told = ""
    while "ConfigMap/tb/left" not in told:
        await world.settled()
        told = await events_of(world, "tb")
    assert "the service account tb:dep is gone, so these stay: ConfigMap/tb/left" in told


STUCK = """apiVersion: v1
kind: ConfigMap
metadata: {name: stuck, finalizers: [example.com/never]}
data: {a: b}
"""


async def test_an_application_waits_for_what_does_not_go_and_names_it(world: World) -> None:
    world.repository("team/waits", {"x/stuck.yaml": STUCK, "x/free.yaml": MAP})
    body = yaml.safe_load(application("waits", "https://github.com/team/waits", "x", "waits"))
    body["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    await world.apply(yaml.safe_dump(body))
    await world.until(APPLICATION, "argocd", "waits", synced)
    await world.delete(APPLICATION, "argocd", "waits")
    await world.until(
        APPLICATION, "argocd", "waits", says("being deleted", "ConfigMap/waits/stuck", "example.com/never")
    )
    assert await world.get(MAPS, "waits", "left") is None
    answer = " ".join((await run_trueup(world.cluster, "why", "app/waits")).out.split())
    assert "ConfigMap/waits/stuck" in answer and "example.com/never" in answer, answer
    assert "ConfigMap/waits/left" not in answer, "what is gone as it should be is no fault"
    await world.patch(MAPS, "waits", "stuck", {"metadata": {"finalizers": None}})
    await world.until(APPLICATION, "argocd", "waits", absent)


async def test_waiting_for_termination_ends_at_the_timeout(world: World) -> None:
    world.repository("team/stuck", {"x/map.yaml": STUCK})
    await world.apply(repository("stuck", "https://github.com/team/stuck"))
    spec: dict[str, Any] = {"deletionPolicy": "WaitForTermination", "timeout": "3s", "wait": True}
    await world.apply(kustomization("stuck", "./x", "stuck", **spec))
    await world.until(KUSTOMIZATION, "flux-system", "stuck", ready)
    await world.delete(KUSTOMIZATION, "flux-system", "stuck")
    await world.until(KUSTOMIZATION, "flux-system", "stuck", absent)
    left = await world.get(MAPS, "flux-system", "stuck")
    assert left is not None and left["metadata"].get("deletionTimestamp")
    await world.patch(MAPS, "flux-system", "stuck", {"metadata": {"finalizers": None}})


ODD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: odd}
spec:
  replicas: 0
  selector: {matchLabels: {app: odd}}
  randomTop: 1
  template:
    metadata: {labels: {app: odd}}
    spec: {containers: [{name: c, image: 'c:1', randomField: true}]}
"""


async def test_without_validation_fields_that_a_kind_does_not_have_are_left_out(world: World) -> None:
    world.repository("team/odd", {"x/odd.yaml": ODD})
    body = yaml.safe_load(application("odd", "https://github.com/team/odd", "x", "odd"))
    body["spec"]["syncPolicy"]["syncOptions"].append("Validate=false")
    await world.apply(yaml.safe_dump(body))
    found = await world.until(APPLICATION, "argocd", "odd", synced)
    results = found["status"]["operationState"]["syncResult"]["resources"]
    assert any("randomTop" in item["message"] and "randomField" in item["message"] for item in results)
    live = await world.get(("apps", "Deployment"), "odd", "odd")
    assert live is not None and "randomTop" not in live["spec"]
    version = live["metadata"]["resourceVersion"]
    for _ in range(2):
        await world.settled()
    again = await world.get(("apps", "Deployment"), "odd", "odd")
    assert again is not None and again["metadata"]["generation"] == live["metadata"]["generation"], version
