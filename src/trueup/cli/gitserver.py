"""What `trueup git-server` does."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import typer

from trueup.cli.errors import BAD_USE, Problem
from trueup.devtools.gitserver import GitServer
from trueup.devtools.gitserver.example import make_example, repositories


def serve(folder: Path, listen: str, *, example: bool) -> None:
    """Serve until SIGINT or SIGTERM. Raises `Problem`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Problem(f"--listen {listen!r} is no HOST:PORT", "for example 127.0.0.1:8418", BAD_USE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if example:
            make_example(folder)
    except (OSError, RuntimeError) as error:
        raise Problem(f"the repositories in {folder} cannot be made: {error}") from error
    try:
        asyncio.run(_until_told(GitServer(folder, host=host.strip("[]"), port=int(port))))
    except OSError as error:
        hint = "choose another address with --listen; port 0 picks a free one"
        raise Problem(f"cannot listen on {listen}: {error.strerror or error}", hint) from error


async def _until_told(server: GitServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        typer.echo(f"serving the repositories below {server.root} until Ctrl-C:")
        for name in repositories(server.root) or ["NAME"]:
            typer.echo(f"  {server.url}/{name}".rstrip("/"))
        await stop.wait()
