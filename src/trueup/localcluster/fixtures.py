"""pytest fixtures: one real control plane for a session of tests, and a namespace for each test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from trueup.localcluster.cluster import Cluster
from trueup.toolchain import binary


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that lives as long as the session."""
    with Cluster.ephemeral(audit=True) as made:
        yield made


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Callable[..., str]:
    """Run kubectl against the session's cluster; gives what it prints, raises AssertionError with its complaint."""
    return kubectl_for(cluster)


def kubectl_for(cluster: Cluster) -> Callable[..., str]:
    """Give a function that runs kubectl against a cluster."""

    def run(*arguments: str, stdin: str = "", check: bool = True) -> str:
        command = [str(binary("localcluster")), "kubectl", "--kubeconfig", str(cluster.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout if check else done.stdout + done.stderr

    return run


@pytest.fixture
def namespace(kubectl: Callable[..., str]) -> Iterator[str]:
    """A namespace of the test's own; it is removed afterwards, without waiting for that."""
    name = f"test-{uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
