"""Controllers as processes of their own, which can be frozen and killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.e2e import World


@asynccontextmanager
async def started(
    world: World, folder: Path, lease: str, *, seconds: float
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a controller that notes its writes in `folder`, and wait until it holds the lease and works.

    It is ended, however it fares, on leaving.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TRUEUP_GIT_INSTEAD_OF": f"https://github.com/={world.server.url}/",
        "LEASE_SECONDS": str(seconds),
    }
    command = [
        sys.executable,
        "-m",
        "support.crashing",
        str(world.cluster.kubeconfig),
        str(folder),
        lease,
        "never",
        "0",
    ]
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(120):
            while "working" not in (folder / "log").read_text(errors="replace"):
                await asyncio.sleep(0.05)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                await process.wait()
        if process.returncode is None:
            process.kill()


def writes_of(folder: Path) -> list[str]:
    """Give the writes that a controller has noted."""
    path = folder / "writes"
    return path.read_text().splitlines() if path.exists() else []
