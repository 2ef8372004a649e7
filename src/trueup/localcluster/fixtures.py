"""Pytest fixtures: one cluster for each test session, a namespace of its own for each test.

Made available by `pytest_plugins = ["trueup.localcluster.fixtures"]` in the outermost conftest.py.
"""

import asyncio
import contextlib
import json
import secrets
import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from trueup.localcluster.cluster import Cluster
from trueup.localcluster.kubectl import kubectl, kubectl_command, kubectl_environment


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
    async with asyncio.timeout(20):
        while not await kubectl(  # noqa: ASYNC110
            cluster.kubeconfig, "-n", namespace, "get", "serviceaccount", "default", "--ignore-not-found", "-o", "name"
        ):
            await asyncio.sleep(0.05)


@pytest.fixture(scope="session", name="kubectl")
def kubectl_of_the_session(cluster: Cluster) -> Callable[..., str]:
    """Run kubectl against the session's cluster: gives what it prints; with `check=False` also what it complains of."""

    def run(*arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run(
            kubectl_command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env=kubectl_environment(cluster.kubeconfig),
        )
        if check:
            assert done.returncode == 0, done.stderr
            return done.stdout
        return done.stdout + done.stderr

    return run
