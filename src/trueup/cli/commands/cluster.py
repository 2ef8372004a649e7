"""`trueup cluster`: a real control plane on this machine, kept until it is reset."""

from __future__ import annotations

from typing import Annotated

import typer

from trueup.cli.options import EPILOG, Form, Output

app = typer.Typer(
    rich_markup_mode=None,
    help="A real Kubernetes control plane on this machine. Its nodes are simulated, its data is kept until `reset`.",
    epilog=EPILOG,
)

Name = Annotated[str, typer.Option("--name", envvar="TRUEUP_CLUSTER", help="Which cluster, where there are several.")]
DEFAULT = "default"


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """A real Kubernetes control plane on this machine. Its nodes are simulated, its data is kept until `reset`."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=EPILOG)
def up(
    name: Name = DEFAULT,
    nodes: Annotated[int, typer.Option(min=1, max=100, help="Simulated nodes.")] = 3,
    ephemeral: Annotated[bool, typer.Option(help="Delete all data when it is stopped.")] = False,
    foreground: Annotated[bool, typer.Option(help="Stay, and end the cluster with Ctrl-C.")] = False,
) -> None:
    """Start the cluster and wait until pods can run. The first time it is built, which takes minutes.

    Example: trueup cluster up && eval "$(trueup cluster kubeconfig --export)"
    """
    from trueup.cli.cluster import up as work

    raise typer.Exit(work(name, nodes, ephemeral=ephemeral, foreground=foreground))


@app.command(epilog=EPILOG)
def down(name: Name = DEFAULT) -> None:
    """Stop the cluster; its data stays."""
    from trueup.cli.cluster import down as work

    work(name)


@app.command(epilog=EPILOG)
def status(
    name: Name = DEFAULT,
    output: Output = Form.TABLE,
) -> None:
    """Say whether the cluster is up, and how its parts run.

    Exits 1 where one does not.
    """
    from trueup.cli.cluster import status as work

    raise typer.Exit(work(name, output))


@app.command(epilog=EPILOG)
def kubeconfig(
    name: Name = DEFAULT,
    export: Annotated[bool, typer.Option("--export", help="Print a line for the shell instead of the path.")] = False,
) -> None:
    """Print the path of the administrator's kubeconfig."""
    from trueup.cli.cluster import kubeconfig as work

    work(name, export=export)


@app.command(epilog=EPILOG)
def reset(
    name: Name = DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop the cluster and remove all its data."""
    from trueup.cli.cluster import reset as work

    work(name, yes=yes)


@app.command(epilog=EPILOG, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def kubectl(context: typer.Context, name: Name = DEFAULT) -> None:
    """Run the kubectl that belongs to the cluster.

    Example: trueup cluster kubectl -- get pods -A

    $KUBECONFIG, where it is set, says which cluster is meant. kubectl's exit code is the command's.
    """
    from trueup.cli.cluster import kubectl as work

    work(name, context.args)
