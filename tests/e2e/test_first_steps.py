"""A beginner's manifests of both dialects for one repository, in the order in which a guide has them written."""

from __future__ import annotations

from collections.abc import Callable

from support.e2e import APPLICATION, KUSTOMIZATION, World, files_of, ready, says, synced, told
from support.manifests import FIRST_STEPS

DEPLOYMENT = ("apps", "Deployment")


async def test_a_beginners_manifests_do_what_their_guide_promises(world: World, kubectl: Callable[..., str]) -> None:
    files = files_of(FIRST_STEPS / "shop-config")
    small = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"
    files["base/kustomization.yaml"] = b"resources: [settings.yaml]\n"
    files["base/settings.yaml"] = small.encode()
    for name in ("staging", "production"):
        files[f"overlays/{name}/kustomization.yaml"] = b"resources: [../../base]\n"
    config = world.repository("example/shop-config", files)
    kubectl("apply", "-f", str(FIRST_STEPS / "argocd" / "application.yaml"))
    await world.until(APPLICATION, "argocd", "shop", says('namespaces "production" not found'))
    kubectl("create", "namespace", "production")
    await world.until(APPLICATION, "argocd", "shop", synced)
    assert await world.get(DEPLOYMENT, "production", "shop")

    kubectl("apply", "-f", str(FIRST_STEPS / "argocd" / "environments.yaml"))
    await world.until(
        APPLICATION,
        "argocd",
        "shop-production",
        lambda body: ((body or {}).get("status") or {}).get("sync", {}).get("status") == "OutOfSync",
    )
    assert await world.get(("", "ConfigMap"), "production", "settings") is None, "nobody has asked for a sync"
    operation = {"operation": {"sync": {}, "initiatedBy": {"username": "somebody"}}}
    await world.patch(APPLICATION, "argocd", "shop-production", operation)
    body = await world.until(APPLICATION, "argocd", "shop-production", synced)
    assert "operation" not in body and body["status"]["operationState"]["phase"] == "Succeeded"

    for name in ("source.yaml", "kustomization.yaml"):
        kubectl("apply", "-f", str(FIRST_STEPS / "flux" / name))
    await world.until(KUSTOMIZATION, "flux-system", "shop", ready)
    before = await world.until(DEPLOYMENT, "flux-system", "shop", lambda body: body is not None)

    kubectl("apply", "-f", str(FIRST_STEPS / "flux" / "healing.yaml"))
    changed = files["k8s/deployment.yaml"].decode().replace("app: shop", "app: other")
    commit = config.commit({"k8s/deployment.yaml": changed}, "change what cannot be changed")
    kubectl("-n", "flux-system", "annotate", "gitrepository", "shop", "reconcile.fluxcd.io/requestedAt=now")
    await world.until(KUSTOMIZATION, "flux-system", "shop", lambda body: ready(body, commit))
    after = await world.get(DEPLOYMENT, "flux-system", "shop")
    assert after is not None and after["metadata"]["uid"] != before["metadata"]["uid"], "force recreates it"
    body = await world.until(APPLICATION, "argocd", "shop", says("field is immutable"))
    assert "spec.selector" in told(body)

    shown = kubectl("get", "applications,kustomizations,gitrepositories", "-A")
    for column in ("SYNC STATUS", "HEALTH STATUS", "READY", "STATUS", "URL", "AGE"):
        assert column in shown
