"""What the subcommands of `trueup cluster` do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from trueup.cli.errors import BAD_USE, FAILED, Problem
from trueup.cli.options import Form
from trueup.cli.tables import Column, show
from trueup.devtools.localcluster.controlplane import PARTS, State
from trueup.devtools.localcluster.errors import ClusterError
from trueup.devtools.localcluster.kubectl import kubectl_command, kubectl_environment
from trueup.devtools.localcluster.layout import Layout
from trueup.devtools.localcluster.names import BadName, is_passing, kept_layout, layout_of, passing_layout, starting
from trueup.devtools.localcluster.options import Options
from trueup.devtools.localcluster.process.ports import HOST
from trueup.devtools.localcluster.process.processes import Process
from trueup.devtools.localcluster.process.supervising import running, serve, start_in_background, stop

COLUMNS = (
    Column("PART", identifies=True),
    Column("STATE", tones={"running": "green", "not running": "red"}),
    Column("PID", 1),
    Column("SINCE", 3),
    Column("MEMORY", 2),
)


def up(name: str, nodes: int, *, ephemeral: bool, foreground: bool) -> int:
    """Start a cluster; gives the exit code. Raises `Problem`."""
    with told():
        kept_layout(name)
        with starting(name, lambda: typer.echo(f"cluster {name} is being started by somebody else", err=True)):
            found = layout_of(name)
            if running(found) is not None:
                _refuse_other_kind(name, found, ephemeral)
                typer.echo(f"cluster {name} is already up")
                typer.echo(_export(found))
                return 0
            layout = passing_layout(name) if ephemeral else kept_layout(name)
            options = Options(folder=layout.root, nodes=nodes, durable=not ephemeral)
            if not foreground:
                state = start_in_background(options, forget=ephemeral)
                typer.echo(f"cluster {name} is up at https://{HOST}:{state.ports.api}")
                typer.echo(_export(layout))
                return 0
        return serve(options, forget=ephemeral, ready=lambda: typer.echo(_export(layout)))


def down(name: str) -> None:
    """Stop a cluster. Raises `Problem`."""
    with told():
        typer.echo(f"cluster {name} is down" if stop(layout_of(name)) else f"cluster {name} was not up")


def status(name: str, form: Form) -> int:
    """Say how a cluster stands, and each of its parts; gives the exit code. Raises `Problem`."""
    with told():
        layout = layout_of(name)
    state = running(layout)
    parts = state.parts if state else {}
    well = state is not None and state.ready and all(part.lives for part in parts.values())
    rows = [_described(part, parts.get(part, Process())) for part in PARTS]
    if state is not None:
        rows.insert(0, _described("supervisor", state.runner))
    if form.for_people:
        typer.echo(f"cluster {name} is {_stands(state, well)}")
        for key, value in (("server", _server(state)), ("kubeconfig", layout.kubeconfig), ("folder", layout.root)):
            typer.echo(f"{key + ':':<12}{value}")
    if not form.for_people or state is not None:
        described = {
            "name": name,
            "up": state is not None,
            "ready": well,
            "ephemeral": is_passing(name, layout),
            "server": _server(state),
            "kubeconfig": str(layout.kubeconfig),
            "folder": str(layout.root),
            "parts": rows,
        }
        show(form, described, COLUMNS, [_row(part) for part in rows])
    return 0 if well else 1


def kubeconfig(name: str, *, export: bool) -> None:
    """Print where a cluster's kubeconfig is. Raises `Problem` where there is none."""
    layout = _started(name)
    typer.echo(_export(layout) if export else str(layout.kubeconfig))


def reset(name: str, *, yes: bool) -> None:
    """Stop a cluster and remove its data. Raises `Problem`."""
    with told():
        layout = layout_of(name)
    if not layout.root.exists():
        typer.echo(f"there is no cluster {name}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise Problem(f"all data of cluster {name} would be removed", "say --yes", BAD_USE)
        typer.confirm(f"Remove all data of cluster {name} in {layout.root}?", abort=True)
    with told():
        stop(layout)
    # A cluster that is not kept has removed its folder by itself.
    shutil.rmtree(layout.root, ignore_errors=is_passing(name, layout))
    typer.echo(f"cluster {name} is gone")


def kubectl(name: str, arguments: Sequence[str]) -> NoReturn:
    """Become the cluster's kubectl: terminal, signals and exit code are its own. Raises `Problem`."""
    configured = os.environ.get("KUBECONFIG")
    config = Path(configured) if configured else _started(name).kubeconfig
    with told():
        command = kubectl_command(*arguments)
    os.execve(command[0], command, kubectl_environment(config))


@contextmanager
def told() -> Iterator[None]:
    """Translate what local clusters and the building of their programs raise."""
    from trueup.devtools.toolchain import BuildFailed, GoMissing, SourceMissing

    try:
        yield
    except (ClusterError, BuildFailed, GoMissing, SourceMissing) as error:
        raise Problem(str(error), kind=BAD_USE if isinstance(error, BadName) else FAILED) from error


def _refuse_other_kind(name: str, layout: Layout, ephemeral: bool) -> None:
    if is_passing(name, layout) != ephemeral:
        kind = "an ephemeral one" if not ephemeral else "one whose data is kept"
        hint = f"`trueup cluster down --name {name}` stops it; or choose another --name"
        raise Problem(f"cluster {name} is already up, and is {kind}", hint)


def _stands(state: State | None, well: bool) -> str:
    if state is None:
        return "down"
    if well:
        return "up"
    return "up, but one of its parts has ended" if state.ready else "coming up"


def _server(state: State | None) -> str:
    return f"https://{HOST}:{state.ports.api}" if state else ""


def _described(name: str, process: Process) -> dict[str, Any]:
    lives = process.lives
    since = process.since if lives else None
    return {
        "name": name,
        "running": lives,
        "pid": process.pid if lives else None,
        "since": since.isoformat().replace("+00:00", "Z") if since else None,
        "memory": process.memory if lives else None,
    }


def _row(part: dict[str, Any]) -> tuple[str, ...]:
    memory = f"{part['memory'] / 2**20:.0f} MiB" if part["memory"] is not None else ""
    state = "running" if part["running"] else "not running"
    return part["name"], state, str(part["pid"] or ""), part["since"] or "", memory


def _started(name: str) -> Layout:
    with told():
        layout = layout_of(name)
    if not layout.kubeconfig.exists():
        hint = "`trueup cluster up`" + ("" if name == "default" else f" --name {name}")
        raise Problem(f"cluster {name} was never started", hint)
    return layout


def _export(layout: Layout) -> str:
    return f"export KUBECONFIG={layout.kubeconfig}"
