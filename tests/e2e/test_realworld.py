"""Repositories and manifests as their authors published them, unchanged."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import yaml

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    files_of,
    kustomization,
    ready,
    repository,
    says,
    synced,
)
from support.manifests import REALWORLD, needs_realworld
from trueup.core.model.objects import Body

HOOK = "argocd.argoproj.io/hook"
EXAMPLES = "https://github.com/argoproj/argocd-example-apps"

pytestmark = needs_realworld


async def test_argo_cds_example_applications_by_their_app_of_apps(world: World) -> None:
    examples = world.repository("argoproj/argocd-example-apps")
    examples.commit(files_of(REALWORLD / "argocd-example-apps"), "as published", branch="master")
    examples.git("symbolic-ref", "HEAD", "refs/heads/master")
    helm = {"values": f"config:\n  spec:\n    source:\n      repoURL: {EXAMPLES}\n"}
    await world.apply(application("apps", EXAMPLES, "apps", "argocd", targetRevision="master", helm=helm))
    good = [
        "guestbook",
        "helm-guestbook",
        "jsonnet-guestbook",
        "jsonnet-guestbook-tla",
        "kustomize-guestbook",
        "sock-shop",
    ]
    await world.until(APPLICATION, "argocd", "apps", synced)
    await asyncio.gather(
        *(world.until(APPLICATION, "argocd", f"example.{name}", synced, patience=120.0) for name in good)
    )
    lacking = {
        "helm-dependency": "wordpress",
        "helm-hooks": "hooks are not run yet",
        "pre-post-sync": "hooks are not run yet",
        "sync-waves": "hooks are not run yet",
        "plugin-kasane": "has no config management plugins",
        "plugin-kustomized-helm": "has no config management plugins",
        "plugin-nix": "has no config management plugins",
    }
    for name, words in lacking.items():
        await world.until(APPLICATION, "argocd", f"example.{name}", says(words))
        body = await world.get(("", "Namespace"), "", name)
        assert body is None, f"{name} changes nothing, not even its namespace"


async def test_plain_objects_of_the_waves_example_go_in_order(world: World) -> None:
    text = (REALWORLD / "argocd-example-apps" / "sync-waves" / "manifests.yaml").read_text()
    plain = [body for body in yaml.safe_load_all(text) if body and HOOK not in _annotations(body)]
    waves: dict[int, list[tuple[str, str]]] = {}
    for body in plain:
        wave = int(_annotations(body).get("argocd.argoproj.io/sync-wave", 0))
        waves.setdefault(wave, []).append((body["kind"], body["metadata"]["name"]))
    assert len(waves) >= 2
    world.repository("team/waves", {"waves/all.yaml": yaml.safe_dump_all(plain)})
    kinds = sorted({(body["apiVersion"].rpartition("/")[0], body["kind"]) for body in plain})
    seen: dict[tuple[str, str], list[Body]] = {}
    watches = [asyncio.create_task(_record(world, kind, seen)) for kind in kinds]
    try:
        await world.apply(application("waves", "https://github.com/team/waves", "waves", "waves"))
        await world.until(APPLICATION, "argocd", "waves", synced)
        wanted = {item for items in waves.values() for item in items}
        async with asyncio.timeout(120):
            while not wanted <= seen.keys() or not all(_healthy_from(seen[item]) for item in wanted):
                await asyncio.sleep(0.05)
    finally:
        for task in watches:
            task.cancel()
        await asyncio.wait(watches)
    order = sorted(waves)
    for earlier, later in pairwise(order):
        healthy = max(_healthy_from(seen[item]) for item in waves[earlier])
        made = min(_version(seen[item][0]) for item in waves[later])
        assert healthy < made, f"wave {later} began before wave {earlier} was healthy"


async def test_podinfo_through_flux(world: World) -> None:
    podinfo = world.repository("stefanprodan/podinfo")
    podinfo.commit(files_of(REALWORLD / "podinfo"), "as published", branch="master")
    await world.apply(repository("podinfo", "https://github.com/stefanprodan/podinfo", branch="master"))
    names = []
    for path in ("kustomize", "deploy/overlays/dev", "deploy/overlays/staging", "deploy/overlays/production"):
        name = f"podinfo-{path.rpartition('/')[2]}"
        extra = {"targetNamespace": "default"} if path == "kustomize" else {}
        await world.apply(kustomization(name, f"./{path}", "podinfo", wait=True, timeout="2m", **extra))
        names.append(name)
    await asyncio.gather(*(world.until(KUSTOMIZATION, "flux-system", name, ready, patience=120.0) for name in names))


async def _record(world: World, kind: tuple[str, str], seen: dict[tuple[str, str], list[Body]]) -> None:
    """Keep every version of the objects of a kind in the namespace, in their order."""
    resource = await world.mapper.find(*kind)
    assert resource is not None
    async for lines in world.client.watch(resource, "waves"):
        for line in lines:
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED"):
                seen.setdefault((kind[1], event["object"]["metadata"]["name"]), []).append(event["object"])


def _healthy_from(versions: list[Body]) -> int:
    """Give the first version in which an object was healthy, 0 while none is."""
    for body in versions:
        wanted = body["spec"].get("replicas", 1) if body["kind"] == "ReplicaSet" else 0
        if wanted <= (body.get("status") or {}).get("readyReplicas", 0):
            return _version(body)
    return 0


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


def _annotations(body: Body) -> dict[str, str]:
    return body["metadata"].get("annotations") or {}
