"""The guide's manifests, unchanged: what its reader would do, in its order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.e2e import APPLICATION, KUSTOMIZATION, World, files_of, ready, says, synced, told

GUIDE = Path(__file__).parents[3] / "shared" / "guide"
DEPLOYMENT = ("apps", "Deployment")

needs_guide = pytest.mark.skipif(not GUIDE.is_dir(), reason="skipped: ../shared/guide is not there")


@needs_guide
async def test_the_guides_manifests_unchanged(world: World, kubectl: Callable[..., str]) -> None:
    files = files_of(GUIDE / "my-app-config")
    small = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"
    files["base/kustomization.yaml"] = b"resources: [settings.yaml]\n"
    files["base/settings.yaml"] = small.encode()
    for name in ("staging", "production"):
        files[f"overlays/{name}/kustomization.yaml"] = b"resources: [../../base]\n"
    config = world.repository("myorg/my-app-config", files)
    kubectl("apply", "-f", str(GUIDE / "argocd" / "application.yaml"))
    await world.until(APPLICATION, "argocd", "my-app", says('namespaces "production" not found'))
    kubectl("create", "namespace", "production")
    await world.until(APPLICATION, "argocd", "my-app", synced)
    assert await world.get(DEPLOYMENT, "production", "my-app")

    kubectl("apply", "-f", str(GUIDE / "argocd" / "environments.yaml"))
    await world.until(
        APPLICATION,
        "argocd",
        "my-app-production",
        lambda body: ((body or {}).get("status") or {}).get("sync", {}).get("status") == "OutOfSync",
    )
    assert await world.get(("", "ConfigMap"), "production", "settings") is None, "nobody has asked for a sync"
    operation = {"operation": {"sync": {}, "initiatedBy": {"username": "somebody"}}}
    await world.patch(APPLICATION, "argocd", "my-app-production", operation)
    body = await world.until(APPLICATION, "argocd", "my-app-production", synced)
    assert "operation" not in body and body["status"]["operationState"]["phase"] == "Succeeded"

    for name in ("my-app-source.yaml", "my-app-kustomization.yaml"):
        kubectl("apply", "-f", str(GUIDE / "flux" / name))
    await world.until(KUSTOMIZATION, "flux-system", "my-app", ready)
    before = await world.until(DEPLOYMENT, "flux-system", "my-app", lambda body: body is not None)

    kubectl("apply", "-f", str(GUIDE / "flux" / "self-healing.yaml"))
    changed = files["k8s/deployment.yaml"].decode().replace("app: my-app", "app: other")
    commit = config.commit({"k8s/deployment.yaml": changed}, "change what cannot be changed")
    kubectl("-n", "flux-system", "annotate", "gitrepository", "my-app", "reconcile.fluxcd.io/requestedAt=now")
    await world.until(KUSTOMIZATION, "flux-system", "my-app", lambda body: ready(body, commit))
    after = await world.get(DEPLOYMENT, "flux-system", "my-app")
    assert after is not None and after["metadata"]["uid"] != before["metadata"]["uid"], "force recreates it"
    body = await world.until(APPLICATION, "argocd", "my-app", says("field is immutable"))
    assert "spec.selector" in told(body)

    shown = kubectl("get", "applications,kustomizations,gitrepositories", "-A")
    for column in ("SYNC STATUS", "HEALTH STATUS", "READY", "STATUS", "URL", "AGE"):
        assert column in shown
