"""What the subcommands of `trueup cluster` do."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from trueup.cli.problems import BAD_USE, Problem
from trueup.localcluster.errors import ClusterError
from trueup.localcluster.kubectl import kubectl_command, kubectl_environment
from trueup.localcluster.layout import Layout, data_folder
from trueup.localcluster.options import Options
from trueup.localcluster.ports import HOST
from trueup.localcluster.supervising import running, serve, start_in_background, stop


def up(name: str, nodes: int, *, ephemeral: bool, foreground: bool) -> int:
    """Start a cluster; gives the exit code. Raises `Problem`."""
    layout = _layout(name)
    with told():
        if running(layout) is not None:
            typer.echo(f"cluster {name} is already up; {_export(layout)}")
            return 0
        if ephemeral:
            shutil.rmtree(layout.root, ignore_errors=True)
        options = Options(folder=layout.root, nodes=nodes)
        if foreground:
            return serve(options)
        state = start_in_background(options)
    typer.echo(f"cluster {name} is up at https://{HOST}:{state.ports.api}")
    typer.echo(_export(layout))
    return 0


def down(name: str) -> None:
    """Stop a cluster. Raises `Problem`."""
    with told():
        typer.echo(f"cluster {name} is down" if stop(_layout(name)) else f"cluster {name} was not up")


def status(name: str, output: str) -> int:
    """Say how a cluster stands; gives the exit code."""
    layout = _layout(name)
    state = running(layout)
    told = {
        "name": name,
        "up": state is not None,
        "ready": bool(state and state.ready),
        "server": f"https://{HOST}:{state.ports.api}" if state else "",
        "process": state.pid if state else 0,
        "kubeconfig": str(layout.kubeconfig),
        "folder": str(layout.root),
    }
    if output == "json":
        typer.echo(json.dumps(told, indent=2))
    else:
        for key, value in told.items():
            typer.echo(f"{key + ':':<12}{value}")
    return 0 if state else 1


def kubeconfig(name: str, *, export: bool) -> None:
    """Print where a cluster's kubeconfig is. Raises `Problem` where there is none."""
    layout = _started(name)
    typer.echo(_export(layout) if export else str(layout.kubeconfig))


def reset(name: str, *, yes: bool) -> None:
    """Stop a cluster and remove its data. Raises `Problem`."""
    layout = _layout(name)
    if not layout.root.exists():
        typer.echo(f"there is no cluster {name}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise Problem(f"all data of cluster {name} would be removed", "say --yes", BAD_USE)
        typer.confirm(f"Remove all data of cluster {name} in {layout.root}?", abort=True)
    with told():
        stop(layout)
    shutil.rmtree(layout.root)
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
    from trueup.toolchain import BuildFailed, GoMissing, SourceMissing

    try:
        yield
    except (ClusterError, BuildFailed, GoMissing, SourceMissing) as error:
        raise Problem(str(error)) from error


def _layout(name: str) -> Layout:
    if not name or "/" in name or name.startswith("."):
        raise Problem(f"{name!r} cannot name a cluster", "use letters, digits and dashes", BAD_USE)
    return Layout(data_folder() / name)


def _started(name: str) -> Layout:
    layout = _layout(name)
    if not layout.kubeconfig.exists():
        hint = "`trueup cluster up`" + ("" if name == "default" else f" --name {name}")
        raise Problem(f"cluster {name} was never started", hint)
    return layout


def _export(layout: Layout) -> str:
    return f"export KUBECONFIG={layout.kubeconfig}"
