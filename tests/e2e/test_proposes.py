"""A bad commit's revert is proposed at the repository's host, once, and its URL is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository, says, world
from support.hosts import TOKEN, GiteaServer
from trueup.devtools.localcluster import Cluster

SECRET = f"""apiVersion: v1
kind: Secret
metadata: {{name: host, namespace: flux-system}}
stringData: {{username: trueup, password: "{TOKEN}"}}
"""


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
async def host() -> AsyncIterator[GiteaServer]:
    async with GiteaServer() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="world")
async def a_world_with_a_host(host: GiteaServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRUEUP_SCM_HOSTS", f"github.com=gitea={host.api}")
        async with (
            Cluster.start(ephemeral=True, nodes=1) as cluster,
            world(cluster, tmp_path_factory.mktemp("world"), poll=1.0, jitter=0.0) as made,
        ):
            yield made


async def test_a_revert_is_proposed_as_a_pull_request_and_merging_it_mends_the_unit(
    world: World, host: GiteaServer
) -> None:
    repo = world.repository("owner/name", {"web.yaml": web("1")})
    await world.apply(SECRET)
    text = repository("proposes", "https://github.com/owner/name")
    await world.apply(text + "  secretRef: {name: host}\n")
    await world.apply(
        kustomization("proposes", "./", "proposes", wait=True).replace(
            "metadata:", "metadata:\n  annotations: {trueup.dev/rollback: propose}"
        )
    )
    await world.until(KUSTOMIZATION, "flux-system", "proposes", ready)
    bad = repo.commit({"web.yaml": web("broken")}, "an image that crashes")
    branch = f"trueup/revert-{bad[:12]}"
    words = ("'propose'", f"its revert is proposed: {host.url}/owner/name/pull/1")
    await world.until(KUSTOMIZATION, "flux-system", "proposes", says(*words))
    assert [(pull["head"]["ref"], pull["base"]["ref"]) for pull in host.pulls] == [(branch, "main")]
    assert host.pulls[0]["title"] == 'Revert "an image that crashes"' and "crash" in host.pulls[0]["body"]
    merged = repo.head(branch)
    assert merged
    repo.branch("main", merged)
    await world.until(KUSTOMIZATION, "flux-system", "proposes", lambda body: ready(body, merged))
    assert len(host.pulls) == 1
