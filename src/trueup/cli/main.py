"""The entry point of the `trueup` command: one application of all subcommands, and one line for every error.

The subcommands and their options stand in `trueup.cli.commands`; a new one goes there.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from trueup import __version__
from trueup.cli.commands import cluster, controller, gitserver, incidents, requests, views
from trueup.cli.errors import BAD_USE, FAILED, Problem
from trueup.cli.history.command import app as history_app
from trueup.cli.options import EPILOG

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C has ended."""

app = typer.Typer(
    name="trueup",
    pretty_exceptions_enable=False,
    # Plain help: drawing boxes would double the time until it is there.
    rich_markup_mode=None,
    help="Brings Kubernetes clusters true to Git, by the manifests of Argo CD and Flux.",
    epilog=EPILOG,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Brings Kubernetes clusters true to Git, by the manifests of Argo CD and Flux."""
    if version:
        typer.echo(f"trueup {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for group in (views.app, incidents.app, requests.app, controller.app, gitserver.app):
    app.add_typer(group)
app.add_typer(history_app, name="history")
app.add_typer(cluster.app, name="cluster")

_SUGGESTION = re.compile(r"[ .]*\(?((?:Did you mean|Possible options:?) .*?)\)?$", re.DOTALL)


def main() -> NoReturn:
    """Run the command and end the process; an error is one line, and a hint where there is one."""
    try:
        ended = app(prog_name="trueup", standalone_mode=False)
    except TyperException as error:
        _fail(bad_use(error))
    except Problem as problem:
        if _debugging() and problem.__cause__ is not None:
            raise problem from problem.__cause__
        _fail(problem)
    except Abort:
        _fail(Problem("given up: nothing was done"))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Who read the answer (`head`, a pager) has seen enough. Nothing may be flushed into the closed pipe at exit.
        sys.stdout = None
        sys.exit(FAILED)
    except Exception as error:
        if _debugging():
            raise
        # Loaded only now: help must not wait for what questions need.
        from trueup.queries.problems import problem_of

        _fail(problem_of(error))
    sys.exit(ended if isinstance(ended, int) else 0)


def _debugging() -> bool:
    return os.environ.get("TRUEUP_DEBUG", "").lower() in ("1", "true", "yes", "on")


def bad_use(error: TyperException) -> Problem:
    """Give what is wrong with the words of a command as a problem like any other."""
    message = error.format_message().strip()
    found = _SUGGESTION.search(message)
    told = message[: found.start()] if found else message
    # Choices of a missing option stand on lines of their own; validators say twice that it is an error.
    told = " ".join(told.split()).rstrip(".").replace("Value error, ", "")
    told = told[:1].lower() + told[1:]
    path = getattr(getattr(error, "ctx", None), "command_path", "trueup")
    usage = f"`{path} --help` says what it takes"
    hint = f"{found[1][:1].lower()}{found[1][1:]}" if found else usage
    return Problem(told, hint, BAD_USE)


def _fail(problem: Problem) -> NoReturn:
    typer.echo(f"error: {problem.message}", err=True)
    if problem.hint:
        typer.echo(f"hint: {problem.hint}", err=True)
    sys.exit(int(problem.kind))


if __name__ == "__main__":
    main()
