"""Fixtures of whole-controller tests: a cluster and a controller for each module, so that none finds another's rest."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from support.e2e import World, world
from trueup.devtools.localcluster import Cluster
from trueup.devtools.localcluster.kubectl import kubectl_command, kubectl_environment


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="world")
async def a_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A control plane, a Git server, and a controller that works."""
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path_factory.mktemp("world"), poll=1.0, jitter=0.0) as made,
    ):
        yield made


@pytest.fixture(scope="module", name="kubectl")
def kubectl_of_the_world(world: World) -> Callable[..., str]:
    """Run kubectl against the module's cluster; `check=False` also gives what it complains of."""
    return kubectl_of(world.cluster)


def kubectl_of(cluster: Cluster) -> Callable[..., str]:
    """Give a kubectl for a cluster."""

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
