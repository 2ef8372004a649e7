"""Starting the controller, and reading what it and its workers have used from the kernel."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

_TICK = os.sysconf("SC_CLK_TCK")


class Usage(msgspec.Struct, frozen=True):
    """CPU seconds and resident memory (MiB, now and at the highest) of the controller and its workers together."""

    cpu: float
    memory: float
    peak: float


class Driven:
    """A controller that runs in a process of its own."""

    def __init__(self, kubeconfig: Path, folder: Path, environment: dict[str, str]) -> None:
        """Take the cluster, a folder for its files, and what to add to its environment."""
        self._kubeconfig = kubeconfig
        self.folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it works."""
        for name in ("started", "told.json"):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / "controller.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bench.driver",
                str(self._kubeconfig),
                str(self.folder),
                "bench",
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=log,
            )
        while not (self.folder / "started").exists():
            await asyncio.sleep(0.01)
            if self._process.returncode is not None:
                raise RuntimeError(f"the controller ended; see {self.folder}/controller.log")
        while not (await self.told())["working"]:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it politely."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def kill(self) -> None:
        """Kill it without a word."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def told(self) -> dict[str, Any]:
        """Ask what it has done."""
        assert self._process is not None
        path = self.folder / "told.json"
        path.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR1)
        while not path.exists():
            if self._process.returncode is not None:
                raise RuntimeError(f"the controller ended; see {self.folder}/controller.log")
            await asyncio.sleep(0.005)
        told: dict[str, Any] = json.loads(path.read_text())
        return told

    async def requests(self) -> int:
        """Count its requests to the API server until now, without watches and the lease's renewals."""
        return int(sum((await self.told())["requests"].values()))

    async def usage(self) -> Usage:
        """Read what it and its workers have used until now; children that have ended count too."""
        assert self._process is not None
        workers = (await self.told())["workers"]
        cpu = memory = peak = 0.0
        for pid in [self._process.pid, *workers]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            own = int(fields[11]) + int(fields[12])
            ended = int(fields[13]) + int(fields[14]) if pid == self._process.pid else 0
            cpu += (own + ended) / _TICK
            status = dict(
                line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
            )
            memory += int(status["VmRSS"].split()[0]) / 1024
            peak += int(status["VmHWM"].split()[0]) / 1024
        return Usage(cpu, memory, peak)
