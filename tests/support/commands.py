"""The `trueup` command as a user runs it: a process of its own, against a world's cluster.

A command mostly loads code: over a second of the processor, and there are hundreds. So they are forked from a helper
process that has loaded the code and done nothing else; each has its own environment, files and end.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from support.e2e import PATIENCE
from trueup.devtools.localcluster import Cluster

LOADED = (
    *(f"trueup.cli.{name}" for name in ("main", "cluster", "connection", "requests", "run")),
    *(f"trueup.cli.history.{name}" for name in ("details", "rows", "short")),
    *(f"trueup.cli.views.{name}" for name in ("blame", "diff", "events", "get", "logs", "tree", "why")),
    *(f"trueup.commands.{name}" for name in ("approval", "pinning", "suspension", "sync", "waiting")),
    *("trueup.dialects", "trueup.history", "trueup.kube.client", "trueup.queries.tree", "trueup.runtime.controller"),
    *("pydantic.types", "pydantic.main", "pydantic.type_adapter", "typer._adapters", "rich.cells", "zoneinfo"),
)
"""What the helper process loads before it forks."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


async def run_trueup(cluster: Cluster, *arguments: str, **environment: str) -> Ended:
    """Run a command; `environment` is added to the test's own."""
    given = {"KUBECONFIG": str(cluster.kubeconfig), "NO_COLOR": "1", **environment}
    with TemporaryDirectory(prefix="trueup-command-") as name:
        folder = Path(name)
        process = _context().Process(target=_command, args=(arguments, {**os.environ, **given}, folder))
        await asyncio.to_thread(process.start)
        try:
            await _end_of(process)
        finally:
            process.kill()
            process.join()
        told = folder / "code"
        # What a helper process tells of a fork's end is lost now and then on a busy machine.
        code = int(told.read_text()) if told.exists() else process.exitcode or 0
        return Ended(code, (folder / "out").read_text(), (folder / "err").read_text())


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    return context


async def _end_of(process: BaseProcess) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)


def _command(arguments: tuple[str, ...], environment: dict[str, str], folder: Path) -> None:
    """Be the command: with this environment, no input, and files for what it says."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path, flags in (
        (0, Path(os.devnull), os.O_RDONLY),
        (1, folder / "out", os.O_WRONLY | os.O_CREAT),
        (2, folder / "err", os.O_WRONLY | os.O_CREAT),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["trueup", *arguments]
    from trueup.cli.main import main

    try:
        main()
    except SystemExit as ended:
        (folder / "code").write_text(str(ended.code if isinstance(ended.code, int) else int(ended.code is not None)))
        raise
