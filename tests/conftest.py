"""Fixtures for all tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from trueup.localcluster import Cluster
from trueup.localcluster.kubectl import kubectl_command, kubectl_environment

pytest_plugins = ["trueup.localcluster.fixtures"]


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
