"""Repositories and manifests as their authors published them, unchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
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
from trueup.core.objects import Body, ObjectRef

SHARED = Path(__file__).parents[3] / "shared"
REAL = SHARED / "realworld"
EXAMPLES = "https://github.com/argoproj/argocd-example-apps"

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="skipped: ../shared/realworld is not there")


@needs_real
async def test_argo_cds_example_applications_by_their_app_of_apps(world: World) -> None:
    examples = world.repository("argoproj/argocd-example-apps")
    examples.commit(files_of(REAL / "argocd-example-apps"), "as published", branch="master")
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
    await asyncio.gather(*(world.until(APPLICATION, "argocd", f"example.{name}", synced, patience=60) for name in good))
    lacking = {
        "helm-dependency": "wordpress",
        "helm-hooks": "hooks are not run yet",
        "pre-post-sync": "hooks are not run yet",
        "sync-waves": "hooks are not run yet",
        "plugin-kasane": "plugins are not supported",
        "plugin-kustomized-helm": "plugins are not supported",
        "plugin-nix": "plugins are not supported",
    }
    for name, words in lacking.items():
        await world.until(APPLICATION, "argocd", f"example.{name}", says(words))
        body = await world.get(("", "Namespace"), "", name)
        assert body is None, f"{name} changes nothing, not even its namespace"


@needs_real
async def test_plain_objects_of_the_waves_example_go_in_order(world: World) -> None:
    text = (REAL / "argocd-example-apps" / "sync-waves" / "manifests.yaml").read_text()
    plain = [
        body
        for body in yaml.safe_load_all(text)
        if body and "argocd.argoproj.io/hook" not in (body["metadata"].get("annotations") or {})
    ]
    assert len(plain) >= 4
    world.repository("team/waves", {"waves/all.yaml": yaml.safe_dump_all(plain)})
    await world.apply(application("waves", "https://github.com/team/waves", "waves", "waves"))
    await world.until(APPLICATION, "argocd", "waves", synced)
    versions: dict[int, list[str]] = {}
    for body in plain:
        kind = (body["apiVersion"].rpartition("/")[0], body["kind"])
        live = await world.get(kind, "waves", body["metadata"]["name"])
        assert live is not None
        wave = int((body["metadata"].get("annotations") or {}).get("argocd.argoproj.io/sync-wave", 0))
        versions.setdefault(wave, []).append(live["metadata"]["creationTimestamp"])
    first = await world.get(("apps", "ReplicaSet"), "waves", "backend")
    second = await world.get(("apps", "ReplicaSet"), "waves", "frontend")
    assert first is not None and second is not None
    pods = await world.client.list_all(await world.mapper.of(ObjectRef("", "Pod", "waves", "any")), "waves")
    backend = [item for item in pods.items if item["metadata"]["name"].startswith("backend-")]
    frontend = [item for item in pods.items if item["metadata"]["name"].startswith("frontend-")]
    assert backend and frontend
    made = min(_started(item) for item in frontend)
    assert max(_started(item) for item in backend) <= made
    assert max(versions[0]) <= min(versions[2])


@needs_real
async def test_podinfo_through_flux(world: World) -> None:
    podinfo = world.repository("stefanprodan/podinfo")
    podinfo.commit(files_of(REAL / "podinfo"), "as published", branch="master")
    await world.apply(repository("podinfo", "https://github.com/stefanprodan/podinfo", branch="master"))
    names = []
    for path in ("kustomize", "deploy/overlays/dev", "deploy/overlays/staging", "deploy/overlays/production"):
        name = f"podinfo-{path.rpartition('/')[2]}"
        extra = {"targetNamespace": "default"} if path == "kustomize" else {}
        await world.apply(kustomization(name, f"./{path}", "podinfo", wait=True, timeout="2m", **extra))
        names.append(name)
    await asyncio.gather(*(world.until(KUSTOMIZATION, "flux-system", name, ready, patience=60) for name in names))


def _started(pod: Body) -> str:
    return str(pod["metadata"]["creationTimestamp"])
