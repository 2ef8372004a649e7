"""The `trueup` command as a user runs it: a process of its own, against a world's cluster."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import NamedTuple

from support.e2e import PATIENCE
from trueup.devtools.localcluster import Cluster


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


async def run_trueup(cluster: Cluster, *arguments: str, **environment: str) -> Ended:
    """Run a command; `environment` is added to the test's own."""
    given = {"KUBECONFIG": str(cluster.kubeconfig), "NO_COLOR": "1", **environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "trueup.cli.main", *arguments),
        env={**os.environ, **given},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())
