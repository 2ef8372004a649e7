"""The entry point of the `trueup` command: one application of all subcommands, and one line for every error.

The subcommands and their options stand in `trueup.cli.commands`; a new one goes there.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from trueup import __version__
from trueup.cli.commands import cluster, controller, gitserver, incidents, requests, views
from trueup.cli.errors import BAD_USE, INTERRUPTED, READER_GONE, Problem, did_you_mean
from trueup.cli.history.command import app as history_app
from trueup.cli.options import EPILOG

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
    _print_whatever_comes()
    stdout = sys.stdout
    try:
        ended = app(prog_name="trueup", standalone_mode=False)
        _flush()
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
        _reader_gone()
    except SystemExit:
        if sys.stdout is not stdout:
            # That is how typer ends where nobody reads; its exit code would say that it had failed.
            _reader_gone()
        raise
    except Exception as error:
        if _debugging():
            raise
        # Loaded only now: help must not wait for what questions need.
        from trueup.queries.problems import problem_of

        _fail(problem_of(error))
    sys.exit(ended if isinstance(ended, int) else 0)


def _print_whatever_comes() -> None:
    """Have a terminal that lacks a character show another one instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _reader_gone() -> NoReturn:
    """End where whoever read the answer (`head`, a pager) has seen enough."""
    _print_no_more()
    sys.exit(READER_GONE)


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _print_no_more() -> None:
    """Have nothing flushed at exit into what has been closed, or is full."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    hint = f"{found[1][:1].lower()}{found[1][1:]}" if found else _nearest_value(message) or usage
    return Problem(told, hint, BAD_USE)


def _nearest_value(message: str) -> str:
    """Say which of an option's words was meant, where one is like what was written."""
    written, _, choices = message.partition(" is not one of ")
    return did_you_mean(written.rpartition("'")[0].rpartition("'")[2], re.findall(r"'([^']+)'", choices))


def _fail(problem: Problem) -> NoReturn:
    with contextlib.suppress(OSError):
        # An error may hold what others wrote.
        typer.echo(f"error: {_one_line(problem.message)}", err=True)
        if problem.hint:
            typer.echo(f"hint: {_one_line(problem.hint)}", err=True)
    try:
        _flush()
    except OSError:
        _print_no_more()
    sys.exit(int(problem.kind))


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


if __name__ == "__main__":
    main()
