"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest

from support.scheduling import LongestFirstScheduling
from support.worlds import kubectl_of
from trueup.devtools.localcluster import Cluster

pytest_plugins = ["trueup.devtools.localcluster.fixtures"]

# How long an example takes tells of the machine's other work, not of the code. A change is judged by the same examples
# as the change before it; `make test-all` looks for new ones.
hypothesis.settings.register_profile(
    "trueup",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
    derandomize="TRUEUP_TEST_RANDOM" not in os.environ,
    database=None,
)
hypothesis.settings.load_profile("trueup")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take our own options."""
    parser.addoption(
        "--all-crash-points", action="store_true", help="kill a controller at every write of a sync, not at some"
    )
    parser.addoption("--attack-table", action="store_true", help="print the outcome of each attack as a table")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirstScheduling:
    """Give each worker whole modules, because they share a cluster."""
    return LongestFirstScheduling(config, log)


@pytest.fixture(scope="session", name="kubectl")
def kubectl_of_the_session(cluster: Cluster) -> Callable[..., str]:
    """Run kubectl against the session's cluster: gives what it prints; with `check=False` also what it complains of."""
    return kubectl_of(cluster)
