"""Where upstream's controllers still run, their objects are looked at and not touched, until somebody claims them."""

from __future__ import annotations

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
from trueup.core.model.objects import ObjectRef
from trueup.queries import explanation
from trueup.queries.objects import Objects

URL = "https://github.com/team/neighbours"
MAPS = ("", "ConfigMap")
ARGO = """apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: argocd-application-controller
  namespace: argocd
  labels: {app.kubernetes.io/part-of: argocd}
spec:
  replicas: 1
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: 'argocd:1'}]}
"""


async def test_objects_of_another_controller_are_left_alone_until_claimed(world: World) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '1'}\n"
    world.repository("team/neighbours", {"argo/one.yaml": text, "flux/one.yaml": text})
    await world.apply(ARGO)
    managed_by = world.session().statuses.managed_by
    await eventually(lambda: bool(managed_by(ObjectRef(*APPLICATION, "argocd", "theirs"))))
    await world.apply(application("theirs", URL, "argo", "theirs"))
    await world.apply(repository("neighbours", URL))
    await world.apply(kustomization("ours", "./flux", "neighbours"))
    await world.until(KUSTOMIZATION, "flux-system", "ours", ready)
    await world.seen(APPLICATION, "argocd", "theirs")
    body = await world.get(APPLICATION, "argocd", "theirs")
    assert body is not None and "status" not in body, "its status is its controller's to write"
    assert await world.get(MAPS, "theirs", "one") is None

    objects = Objects(world.client, world.mapper)
    owner = await objects.left_to()
    assert owner(body) == "StatefulSet/argocd/argocd-application-controller"
    ours = await world.get(KUSTOMIZATION, "flux-system", "ours")
    assert ours is not None and owner(ours) == ""
    told = await explanation(world.client, world.mapper, body, left_to=owner(body))
    assert "is left to StatefulSet/argocd/argocd-application-controller" in told.state

    claim = {"metadata": {"annotations": {"trueup.dev/claimed": "true"}}}
    await world.patch(APPLICATION, "argocd", "theirs", claim)
    claimed = await world.until(APPLICATION, "argocd", "theirs", synced)
    assert owner(claimed) == ""
    assert await world.get(MAPS, "theirs", "one") is not None


async def test_when_the_other_controller_is_gone_its_objects_are_taken_over(world: World) -> None:
    await world.apply(application("later", URL, "argo", "later"))
    await world.seen(APPLICATION, "argocd", "later")
    assert await world.get(MAPS, "later", "one") is None
    await world.delete(("apps", "StatefulSet"), "argocd", "argocd-application-controller")
    await world.until(APPLICATION, "argocd", "later", synced)
