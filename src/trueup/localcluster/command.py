"""`trueup cluster`: a real control plane on this machine, kept until it is reset."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from trueup.localcluster.errors import ClusterError
from trueup.localcluster.kubectl import kubectl_command, kubectl_environment
from trueup.localcluster.layout import DEFAULT_NAME, Layout, data_folder
from trueup.localcluster.options import Options
from trueup.localcluster.ports import HOST
from trueup.localcluster.supervising import running, serve, start_in_background, stop

app = typer.Typer(
    no_args_is_help=True,
    help="A real Kubernetes control plane on this machine, with simulated nodes. Its data is kept until `reset`.",
)

Name = Annotated[str, typer.Option("--name", help="Which cluster, where there are several.")]


def _layout(name: str) -> Layout:
    if not name or "/" in name or name.startswith("."):
        raise ClusterError(f"{name!r} cannot name a cluster: use letters, digits and dashes")
    return Layout(data_folder() / name)


@app.command()
def up(
    name: Name = DEFAULT_NAME,
    nodes: Annotated[int, typer.Option(min=1, max=100, help="Simulated nodes.")] = 3,
    ephemeral: Annotated[bool, typer.Option(help="Forget earlier data first.")] = False,
    foreground: Annotated[bool, typer.Option(help="Stay, and end the cluster with Ctrl-C.")] = False,
) -> None:
    """Start the cluster and wait until pods can run. The first time it is built, which takes minutes.

    Example: trueup cluster up && eval "$(trueup cluster kubeconfig --export)"
    """
    layout = _layout(name)
    if running(layout) is not None:
        typer.echo(f"cluster {name} is already up; {_export(layout)}")
        return
    if ephemeral:
        shutil.rmtree(layout.root, ignore_errors=True)
    options = Options(folder=layout.root, nodes=nodes)
    if foreground:
        raise typer.Exit(serve(options))
    state = start_in_background(options)
    typer.echo(f"cluster {name} is up at https://{HOST}:{state.ports.api}")
    typer.echo(_export(layout))


@app.command()
def down(name: Name = DEFAULT_NAME) -> None:
    """Stop the cluster; its data stays."""
    typer.echo(f"cluster {name} is down" if stop(_layout(name)) else f"cluster {name} was not up")


@app.command()
def status(
    name: Name = DEFAULT_NAME,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Say whether the cluster is up, where, and by which process. Exits 1 where it is not."""
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
    raise typer.Exit(0 if state else 1)


@app.command()
def kubeconfig(
    name: Name = DEFAULT_NAME,
    export: Annotated[bool, typer.Option("--export", help="Print a line for the shell instead of the path.")] = False,
) -> None:
    """Print the path of the administrator's kubeconfig."""
    layout = _layout(name)
    if not layout.kubeconfig.exists():
        raise ClusterError(f"cluster {name} was never started: `trueup cluster up`")
    typer.echo(_export(layout) if export else str(layout.kubeconfig))


@app.command()
def reset(
    name: Name = DEFAULT_NAME,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the cluster and remove all its data."""
    layout = _layout(name)
    if not layout.root.exists():
        typer.echo(f"there is no cluster {name}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise ClusterError(f"all data of cluster {name} would be removed: say --yes")
        typer.confirm(f"Remove all data of cluster {name} in {layout.root}?", abort=True)
    stop(layout)
    shutil.rmtree(layout.root)
    typer.echo(f"cluster {name} is gone")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def kubectl(context: typer.Context, name: Name = DEFAULT_NAME) -> None:
    """Run the kubectl that belongs to the cluster: `trueup cluster kubectl -- get pods -A`.

    $KUBECONFIG, where it is set, says which cluster is meant.
    """
    layout = _layout(name)
    config = Path(os.environ.get("KUBECONFIG") or layout.kubeconfig)
    if not config.exists():
        raise ClusterError(f"cluster {name} was never started: `trueup cluster up`")
    done = subprocess.run(kubectl_command(*context.args), env=kubectl_environment(config))
    raise typer.Exit(done.returncode)


def _export(layout: Layout) -> str:
    return f"export KUBECONFIG={layout.kubeconfig}"
