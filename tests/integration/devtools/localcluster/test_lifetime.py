"""A cluster keeps its data and address, lets nobody in unasked, and ends with who started it."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from trueup.devtools.localcluster import AlreadyRunning, Cluster
from trueup.devtools.localcluster.kubectl import KubectlFailed, kubectl


async def test_data_and_address_are_kept_and_a_second_start_is_refused(tmp_path: Path) -> None:
    async with Cluster.start(tmp_path / "kept", nodes=1) as first:
        server = first.server
        await kubectl(first.kubeconfig, "create", "namespace", "kept")
        with pytest.raises(AlreadyRunning, match="already running"):
            async with Cluster.start(tmp_path / "kept", nodes=1):
                pass
    async with Cluster.start(tmp_path / "kept", nodes=1) as second:
        assert second.server == server
        assert "kept" in await kubectl(second.kubeconfig, "get", "namespace", "kept")


async def test_rbac_and_tls_are_on(cluster: Cluster) -> None:
    config = await cluster.kubeconfig_for("somebody", ("people",))
    with pytest.raises(KubectlFailed, match="Forbidden"):
        await kubectl(config, "get", "pods", "-A")
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await asyncio.to_thread(urlopen, f"{cluster.server}/version", context=ssl.create_default_context())


def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from trueup.devtools.localcluster import Cluster\n"
        "async def main():\n"
        "    async with Cluster.start(pathlib.Path(sys.argv[1]), nodes=1) as cluster:\n"
        "        print(*cluster.pids.values(), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "c")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 5
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 120
    while (left := [pid for pid in pids if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
