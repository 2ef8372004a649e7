"""A process is known again by more than its id, which the system gives again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from trueup.devtools.localcluster.controlplane import State
from trueup.devtools.localcluster.layout import Layout
from trueup.devtools.localcluster.process.processes import Process
from trueup.devtools.localcluster.process.supervising import running, stop

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells of processes otherwise")


def test_this_process_lives_holds_memory_and_began_a_while_ago() -> None:
    found = Process.of(os.getpid())
    assert found.lives and (found.memory or 0) > 1_000_000
    assert found.since is not None and timedelta(0) <= datetime.now(UTC) - found.since < timedelta(hours=12)


def test_an_id_given_again_is_another_process() -> None:
    boot, _, ticks = Process.of(os.getpid()).born.partition("+")
    assert not Process(os.getpid(), f"{boot}+{int(ticks) - 1}").lives
    assert not Process(os.getpid(), f"another-boot+{ticks}").lives


def test_the_dead_do_not_live_though_nobody_has_asked_for_them() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = Process.of(process.pid)
        assert found.lives
        process.kill()
        deadline = time.monotonic() + 10
        while found.lives and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not found.lives


def test_nobody_is_ended_for_having_the_id_of_a_cluster_that_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "trueup"], stdin=subprocess.PIPE) as stranger:
        boot, _, ticks = Process.of(stranger.pid).born.partition("+")
        state = State(runner=Process(stranger.pid, f"{boot}+{int(ticks) - 5}"), ready=True)
        layout = Layout(tmp_path)
        layout.state.write_bytes(msgspec.json.encode(state))
        assert running(layout) is None
        assert not stop(layout)
        assert stranger.poll() is None
        stranger.kill()
