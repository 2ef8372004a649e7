"""`trueup logs`: what the controller has logged, of one unit with its sources or of all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import typer

from trueup.cli.connection import connected
from trueup.cli.errors import Problem
from trueup.cli.options import LineForm, LogLevel
from trueup.cli.tables import visible
from trueup.cli.when import when
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.kube.errors import KubeError
from trueup.queries.controller_log import (
    Holder,
    LogLine,
    files_of,
    holder_of,
    lines_of_files,
    lines_of_pod,
    new_lines,
    pods_of,
    sizes_of,
)
from trueup.queries.events import sources_of
from trueup.queries.objects import Objects
from trueup.runtime.settings import LOGS, default_data

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4, "exception": 3}
PAUSE = 2.0
"""Seconds until the controller's pods are looked for again when those before have ended."""

AGAIN = 5
"""Seconds of a pod's log that are read once more when it is followed, so that nothing is missed in between."""

WAITING = 10_000
"""Lines of all pods that may wait to be printed."""


class Asked(NamedTuple):
    """The options as they were written."""

    unit: str
    follow: bool
    since: str
    level: LogLevel
    tail: int
    form: LineForm


class Place(NamedTuple):
    """Where the log is: the controller's pods, and the folder of this cluster's files on this machine."""

    holder: Holder
    pods: list[Body]
    folder: Path


async def logs(where: Where, asked: Asked, data: Path | None, namespace: str) -> None:
    """Print lines, the newest last; with `follow` go on until Ctrl-C. Raises `Problem`."""
    since = when(asked.since, "--since")
    async with connected(where) as cluster:
        refs, unknown = await _meant(cluster, asked.unit, where.namespace)
        place = await _place(cluster, data or default_data(), namespace)
        wanted = _wanted(refs, since, asked.level)
        lines, read = await _there(cluster, place, since)
        found = [line for line in lines if wanted(line)]
        if not found and unknown is not None:
            raise unknown
        for line in found[-asked.tail :] if asked.tail else found:
            _print(line, asked.form)
        if asked.follow:
            # Of a pod's log some lines come once more.
            printed = {(line.at, line.event) for line in lines[-WAITING:]}
            async for line in _following(cluster, place, read, namespace):
                if wanted(line) and (line.at, line.event) not in printed:
                    _print(line, asked.form)
        elif not found:
            about = f" about {' and '.join(sorted(refs))}" if refs else ""
            typer.echo(f"the controller has logged nothing{about}", err=True)
            typer.echo(f"hint: {_further(asked)}", err=True)


async def _meant(cluster: Objects, word: str, namespace: str) -> tuple[frozenset[str], Problem | None]:
    """Give the objects that a word means, as lines name them; an object that is gone may still stand in the log."""
    if not word:
        return frozenset(), None
    try:
        body = await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE))
    except Problem as problem:
        kind, *rest = word.split("/")
        kinds = {one.kind.lower(): one.kind for role in (Role.UNIT, Role.SOURCE) for one in cluster.kinds(role)}
        if len(rest) != 2 or kind.lower() not in kinds:
            raise
        return frozenset({f"{kinds[kind.lower()]}/{rest[0]}/{rest[1]}"}), problem
    return frozenset(map(str, (ObjectRef.of(body), *sources_of(body)))), None


async def _place(cluster: Objects, data: Path, namespace: str) -> Place:
    """Find the log. Raises `Problem` where it is neither in a pod nor on this machine."""
    holder = await holder_of(cluster.client, namespace)
    folder = data / LOGS / holder.uid
    pods: list[Body] = []
    try:
        pods = await pods_of(cluster.client, holder, namespace)
    except KubeError:
        # Who may not read pods may still have the files.
        if not files_of(folder):
            raise
    if not pods and not files_of(folder):
        if not holder.identity:
            raise Problem("no controller works on this cluster at the moment, and none has left its log here")
        text = f"the controller {holder.identity} is no pod in {namespace}, and {folder} holds no log of it"
        hint = f"ask on the machine {holder.host}, or name its data folder with --data"
        raise Problem(text, hint)
    if not holder.identity:
        typer.echo("note: no controller works on this cluster at the moment", err=True)
    elif not pods and not any(path.name.startswith(holder.identity) for path in files_of(folder)):
        typer.echo(
            f"note: the controller works on {holder.host} now; this is an earlier log, of this machine", err=True
        )
    return Place(holder, pods, folder)


def _wanted(refs: frozenset[str], since: datetime | None, level: LogLevel) -> Callable[[LogLine], bool]:
    least = _LEVELS[level.value]
    begin = since.astimezone(UTC).isoformat() if since else ""

    def wanted(line: LogLine) -> bool:
        if refs and not line.names(refs):
            return False
        if line.level and _LEVELS.get(line.level, 3) < least:
            return False
        if not line.level and least:
            return False
        return not begin or line.at.replace("Z", "+00:00") >= begin

    return wanted


async def _there(cluster: Objects, place: Place, since: datetime | None) -> tuple[list[LogLine], dict[Path, int]]:
    """Read all that is there, in the order of time, and say how far each file was read."""
    seconds = max(1, int((datetime.now(UTC) - since).total_seconds())) if since else 0
    paths = files_of(place.folder, since.timestamp() if since else 0.0)
    read = sizes_of(place.folder)
    lines = await asyncio.to_thread(lambda: list(lines_of_files(paths)))
    for pod in place.pods:
        lines += [line async for line in lines_of_pod(cluster.client, pod, seconds=seconds, follow=False)]
    return sorted(lines, key=lambda line: line.at), read


async def _following(cluster: Objects, place: Place, read: dict[Path, int], namespace: str) -> AsyncIterator[LogLine]:
    """Give what comes, of the files or of all pods; where the pods have ended, of those that follow them."""
    if not place.pods:
        async for line in new_lines(place.folder, read):
            yield line
    pods = place.pods
    while True:
        async for line in _of_pods(cluster, pods):
            yield line
        await asyncio.sleep(PAUSE)
        with contextlib.suppress(KubeError):
            pods = await pods_of(cluster.client, await holder_of(cluster.client, namespace), namespace)


async def _of_pods(cluster: Objects, pods: list[Body]) -> AsyncIterator[LogLine]:
    """Give what pods write until all of them have ended, or cannot be read."""
    queue: asyncio.Queue[LogLine] = asyncio.Queue(WAITING)

    async def follow(pod: Body) -> None:
        with contextlib.suppress(KubeError):
            async for line in lines_of_pod(cluster.client, pod, seconds=AGAIN, follow=True):
                await queue.put(line)

    tasks = [asyncio.create_task(follow(pod)) for pod in pods]
    try:
        while not queue.empty() or not all(task.done() for task in tasks):
            try:
                async with asyncio.timeout(1):
                    line = await queue.get()
            except TimeoutError:
                continue
            yield line
    finally:
        for task in tasks:
            task.cancel()


def _print(line: LogLine, form: LineForm) -> None:
    if form is LineForm.JSON:
        told: dict[str, Any] = {"timestamp": line.at, "level": line.level, "event": line.event, **line.fields}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    fields = " ".join(f"{name}={_quoted(value)}" for name, value in line.fields.items())
    typer.echo(visible(f"{line.at} {line.level.upper():<7} {line.event}  {fields}".strip()).replace("\n", " "))


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(character in text for character in ' "\n=') else text


def _further(asked: Asked) -> str:
    if asked.since or asked.level is not LogLevel.DEBUG:
        return "ask for more with an earlier --since or a lower --level"
    return "`trueup history` shows what was delivered before, and `trueup why UNIT` how it stands"
