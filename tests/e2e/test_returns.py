"""A change that makes a unit sick is taken back, from what its pods tell, and held until Git changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    condition,
    kustomization,
    ready,
    repository,
    says,
    synced,
)
from trueup.devtools.gitserver import Repository

DEPLOYMENT = ("apps", "Deployment")
URL = "https://github.com/team/returns"
WORDS = {"broken": "crash-loops", "missing": "cannot pull its image"}


def web(tag: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World) -> AsyncIterator[Repository]:
    made = world.repository("team/returns", {"flux/web.yaml": web("1"), "argo/web.yaml": web("1")})
    await world.apply(repository("returns", URL))
    await world.apply(kustomization("web", "./flux", "returns", wait=True, timeout="2m"))
    await world.apply(application("web", URL, "argo", "returns"))
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    await world.until(APPLICATION, "argocd", "web", synced)
    yield made


def runs(tag: str) -> Any:
    return lambda body: (
        body is not None
        and body["spec"]["template"]["spec"]["containers"][0]["image"] == f"web:{tag}"
        and body.get("status", {}).get("readyReplicas") == 1
    )


@pytest.mark.parametrize("tag", WORDS)
async def test_a_kustomization_returns_and_says_why(world: World, repo: Repository, tag: str) -> None:
    good = f"2-{tag}"
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    before = (await world.get(KUSTOMIZATION, "flux-system", "web") or {})["status"]["lastAppliedRevision"]
    image = (await world.get(DEPLOYMENT, "flux-system", "web") or {})["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    bad = repo.commit({"flux/web.yaml": web(tag)}, f"an image that is {tag}")
    body = await world.until(KUSTOMIZATION, "flux-system", "web", says("is held back", WORDS[tag]))
    assert bad in body["status"]["lastAttemptedRevision"] and body["status"]["lastAppliedRevision"] == before
    assert condition(body, "Ready") | {"status": "False", "reason": "HealthCheckFailed"} == condition(body, "Ready")
    await world.until(DEPLOYMENT, "flux-system", "web", runs(image.removeprefix("web:")))
    repo.commit({"elsewhere.yaml": "a: 1\n"}, "something else does not try it again")
    await world.settled()
    assert runs(image.removeprefix("web:"))(await world.get(DEPLOYMENT, "flux-system", "web"))
    commit = repo.commit({"flux/web.yaml": web(good)}, "a good one ends the hold")
    await world.until(KUSTOMIZATION, "flux-system", "web", lambda found: ready(found, commit))
    await world.until(DEPLOYMENT, "flux-system", "web", runs(good))


async def test_an_application_returns_and_says_why(world: World, repo: Repository) -> None:
    bad = repo.commit({"argo/web.yaml": web("broken")}, "an image that crashes")
    body = await world.until(APPLICATION, "argocd", "web", says("crash-loops"))
    await world.until(DEPLOYMENT, "returns", "web", runs("1"))
    body = await world.until(
        APPLICATION, "argocd", "web", lambda found: (found or {})["status"]["sync"]["status"] == "OutOfSync"
    )
    assert body["status"]["sync"]["revision"] == bad and body["status"]["operationState"]["phase"] == "Failed"
    commit = repo.revert()
    await world.until(APPLICATION, "argocd", "web", lambda found: synced(found, commit))


async def test_a_policy_of_reporting_leaves_it_and_says_so(world: World, repo: Repository) -> None:
    policy = {"metadata": {"annotations": {"trueup.dev/rollback": "report"}}}
    await world.patch(KUSTOMIZATION, "flux-system", "web", policy)
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    repo.commit({"flux/web.yaml": web("broken")}, "an image that crashes")
    await world.until(KUSTOMIZATION, "flux-system", "web", says("health check failed", "crash-loops"))
    body = await world.get(DEPLOYMENT, "flux-system", "web")
    assert body is not None and body["spec"]["template"]["spec"]["containers"][0]["image"] == "web:broken"
