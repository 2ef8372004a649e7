"""`trueup sync`, `wait`, `suspend`, `resume`, `rollback`, `unpin` and `approve`: prints what came of each."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import typer

from trueup import commands
from trueup.cli.connection import connected
from trueup.cli.where import Where


async def sync(where: Where, word: str, request: commands.SyncRequest) -> None:
    """Ask for a sync of a unit, or a poll of a source. Raises `Problem`."""
    async with connected(where) as cluster:
        _show(await commands.sync(cluster, word, where.namespace, request, _progress))


async def wait(where: Where, words: Sequence[str], request: commands.WaitRequest) -> None:
    """Wait until units and sources are ready, each in its turn, so long for all together. Raises `Problem`."""
    deadline = time.monotonic() + request.timeout
    async with connected(where) as cluster:
        for word in words:
            left = msgspec.structs.replace(request, timeout=max(0.0, deadline - time.monotonic()))
            _show(await commands.settled(cluster, word, where.namespace, left))


async def suspend(where: Where, words: Sequence[str]) -> None:
    """Suspend units and sources. Raises `Problem`."""
    async with connected(where) as cluster:
        async for item in commands.suspend(cluster, words, where.namespace):
            typer.echo(f"{item.ref} is suspended{' already' if item.already else ''}")


async def resume(where: Where, words: Sequence[str], request: commands.ResumeRequest) -> None:
    """Let units and sources go on. Raises `Problem`."""
    async with connected(where) as cluster:
        async for item in commands.resume(cluster, words, where.namespace, request):
            if item.already:
                typer.echo(f"{item.ref} is not suspended")
            else:
                typer.echo(f"{item.ref} goes on" + (f": {item.message}" if item.message else ""))


async def rollback(where: Where, word: str, request: commands.PinRequest) -> None:
    """Pin a unit to an earlier deployment. Raises `Problem`."""
    async with connected(where) as cluster:
        _show(await commands.pin(cluster, word, where.namespace, request, _progress))


async def unpin(where: Where, word: str, request: commands.UnpinRequest) -> None:
    """Release a pinned unit. Raises `Problem`."""
    async with connected(where) as cluster:
        _show(await commands.unpin(cluster, word, where.namespace, request))


async def approve(where: Where, word: str) -> None:
    """Approve the removals that a unit asks about. Raises `Problem`."""
    async with connected(where) as cluster:
        _show(await commands.approve(cluster, word, where.namespace))


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _show(outcome: commands.Outcome | None) -> None:
    if outcome is not None:
        typer.echo(f"{outcome.ref}: {outcome.message}")
