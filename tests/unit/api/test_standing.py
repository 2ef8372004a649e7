"""What a controller says of itself, by its lease."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from trueup.api.health import Role
from trueup.history import HistorySettings
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.lease import Lease
from trueup.runtime.replicas import standing_of, tell_history, tell_standby


@pytest.fixture(name="lease")
async def a_lease() -> Any:
    async with KubeClient(Connection("http://127.0.0.1:9")) as client:
        yield Lease(client, "trueup-system", "trueup-controller", "me-1-a")


async def test_the_role_follows_the_lease(lease: Lease) -> None:
    assert standing_of(None, False).role is Role.STARTING
    assert standing_of(lease, False).role is Role.STARTING, "the cluster is not reached yet"
    lease.seen.set()
    lease.holder = "other-1-b"
    assert standing_of(lease, False).words == "standby, leader is other-1-b"
    lease.holder = ""
    assert standing_of(lease, False).words == "standby, leader is nobody yet"
    lease.held.set()
    assert standing_of(lease, False).role is Role.STARTING, "it leads, and has not read what is declared"
    assert standing_of(lease, True).role is Role.LEADER


@pytest.mark.parametrize(
    ("url", "warned"), [("", True), ("sqlite:////h.db", True), ("postgresql://a:word@b/c", False), ("none", False)]
)
async def test_a_standby_with_a_history_of_its_own_says_so(lease: Lease, tmp_path: Any, url: str, warned: bool) -> None:
    lease.seen.set()
    lease.holder = "other-1-b"
    settings = HistorySettings(tmp_path, url)
    with capture_logs() as lines:
        tell_history(settings)
        await tell_standby(lease, settings)
    assert any(line["event"] == "each replica keeps a history of its own" for line in lines) is warned
    assert "word" not in str(lines)
    lease.held.set()
    with capture_logs() as lines:
        await tell_standby(lease, settings)
    assert not lines, "who leads says nothing of standing by"


def test_in_a_pod_the_start_says_what_several_replicas_need(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with capture_logs() as lines:
        tell_history(HistorySettings(tmp_path))
    assert "postgresql://" in lines[0]["hint"] and lines[0]["event"] == "history"
