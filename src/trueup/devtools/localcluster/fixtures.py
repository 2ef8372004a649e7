"""Pytest fixtures: one cluster for each test session, a namespace of its own for each test.

Made available by `pytest_plugins = ["trueup.devtools.localcluster.fixtures"]` in the outermost conftest.py.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from trueup.devtools.localcluster.cluster import Cluster
from trueup.devtools.localcluster.errors import ClusterError
from trueup.devtools.localcluster.kubectl import kubectl


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster of this session's own (with pytest-xdist: of this worker's), gone when the session is over."""
    async with Cluster.start(ephemeral=True) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The name of a fresh namespace, deleted after the test without waiting until it is gone."""
    name = f"test-{secrets.token_hex(4)}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": {"trueup.dev/test": request.node.nodeid}},
    }
    await kubectl(cluster.kubeconfig, "apply", "-f", "-", input=json.dumps(manifest))
    # What uses the namespace next must not be refused for want of its service account.
    await _until_account(cluster, name)
    yield name
    with contextlib.suppress(RuntimeError):
        # A test may have wiped the cluster, and the namespace with it.
        await kubectl(cluster.kubeconfig, "delete", "namespace", name, "--wait=false", "--ignore-not-found")


async def _until_account(cluster: Cluster, namespace: str) -> None:
    wanted = ("-n", namespace, "get", "serviceaccount", "default", "--ignore-not-found", "-o", "name")
    for _ in range(100):
        if await kubectl(cluster.kubeconfig, *wanted):
            return
        await asyncio.sleep(0.05)
    raise ClusterError(f"The namespace {namespace} has no service account yet; see {cluster.logs}")
