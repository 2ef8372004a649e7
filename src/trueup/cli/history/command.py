"""`trueup history`: its subcommands and their options. `history UNIT` is short for `history list UNIT`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trueup.cli.completion.callbacks import (
    complete_cause,
    complete_namespace,
    complete_outcome,
    complete_record,
    complete_unit,
)
from trueup.cli.options import ContextName, Form, Kubeconfig, NoHeaders
from trueup.cli.where import Where

EPILOG = "Exit codes: 0 done, 1 failed (for verify and export: something is wrong), 2 bad use, 4 not found."


class _ListByDefault(TyperGroup):
    """Takes what is no subcommand as arguments of `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` where no subcommand stands."""
        # Of two words the first is a subcommand, if a misspelt one: `list` takes but one.
        one = len(args) < 2 or args[0].startswith("-") or args[1].startswith("-")
        if not args or (one and args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ListByDefault,
    help="Who deployed what, when, why, and how it ended. `history [UNIT]` is short for `history list [UNIT]`.",
    epilog=EPILOG,
)

Database = Annotated[
    str,
    typer.Option(
        "--history-url",
        envvar="TRUEUP_HISTORY",
        help="The history's database: sqlite:///PATH or postgresql://…; by default what `trueup run` writes.",
    ),
]


class Rows(StrEnum):
    """How a list is answered."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


Output = Annotated[Form, typer.Option("--output", "-o", help="Output format.")]


@app.command("list", epilog=EPILOG)
def list_(
    unit: Annotated[
        str,
        typer.Argument(metavar="[UNIT]", help="name, kind/name or kind/namespace/name.", autocompletion=complete_unit),
    ] = "",
    since: Annotated[str, typer.Option(help="Ended at or after: a time, or an age such as 2h or 7d.")] = "",
    until: Annotated[str, typer.Option(help="Ended before: a time, or an age.")] = "",
    author: Annotated[str, typer.Option(help="A part of the commit author's name or mail.")] = "",
    revision: Annotated[str, typer.Option(help="First digits of a commit, a branch or a tag.")] = "",
    image: Annotated[str, typer.Option(help="An image that was deployed, with or without registry and tag.")] = "",
    version: Annotated[str, typer.Option(help="A version that was deployed, or an image's tag.")] = "",
    object_: Annotated[str, typer.Option("--object", help="An object that was changed: Kind/namespace/name.")] = "",
    field: Annotated[str, typer.Option(help="A field that was changed, or the beginning of its path.")] = "",
    outcome: Annotated[
        str, typer.Option(help="good, sick, returned, refused, failed or superseded.", autocompletion=complete_outcome)
    ] = "",
    cause: Annotated[
        str, typer.Option(help="change, request, heal, return, pin or delete.", autocompletion=complete_cause)
    ] = "",
    initiator: Annotated[str, typer.Option(help="A part of the name of who asked for it.")] = "",
    pull_request: Annotated[int, typer.Option(help="Number of the commit's pull request.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of results.")] = 50,
    before: Annotated[
        str, typer.Option(help="Only what is older than the entry of this id.", autocompletion=complete_record)
    ] = "",
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace", "-n", help="Namespace of the unit; by default all.", autocompletion=complete_namespace
        ),
    ] = "",
    output: Annotated[Rows, typer.Option("--output", "-o", help="Output format.")] = Rows.TABLE,
    no_headers: NoHeaders = False,
    history_url: Database = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show deployments, the newest first.

    Of one unit or all, by time, author, revision, image, object and outcome.

    Example: trueup history --image nginx:1.27 --since 7d
    """
    from trueup.cli.history.rows import Asked, list_deployments

    asked = Asked(
        unit, namespace, since, until, author, revision, image, version, object_, field, outcome, cause, initiator,
        pull_request, limit, before,
    )  # fmt: skip
    form = None if output is Rows.CSV else Form(output.value)
    where = Where(kubeconfig, context, namespace)
    asyncio.run(list_deployments(asked, history_url, form, where, headings=not no_headers))


@app.command(epilog=EPILOG)
def show(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="A deployment's id, or its beginning.", autocompletion=complete_record)
    ],
    output: Output = Form.TABLE,
    history_url: Database = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show one deployment whole.

    Commit, pull request, who asked, every changed field, steps, verdict, and what it led to.

    Example: trueup history show 3f2a9c0d
    """
    from trueup.cli.history.rows import show_deployment

    asyncio.run(show_deployment(id, history_url, output, Where(kubeconfig, context)))


@app.command(epilog=EPILOG)
def verify(
    seal: Annotated[str, typer.Option(help="A last seal of before, kept elsewhere, that must still be there.")] = "",
    output: Output = Form.TABLE,
    history_url: Database = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Say whether somebody has altered the history.

    It names each entry that was altered, removed or inserted.

    Example: trueup history verify --history-url postgresql://trueup@db/trueup
    """
    from trueup.cli.history.rows import verify_history

    raise typer.Exit(asyncio.run(verify_history(history_url, seal, output, Where(kubeconfig, context))))


@app.command(epilog=EPILOG)
def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to; by default standard output.")] = "-",
    seal: Annotated[str, typer.Option(help="A last seal of before, kept elsewhere, that must still be there.")] = "",
    history_url: Database = "",
) -> None:
    """Write the whole history as JSON lines, and verify it. Exits 1 where somebody has altered it.

    Example: trueup history export history.jsonl
    """
    from trueup.cli.history.transfer import export_to

    raise typer.Exit(export_to(file, history_url, seal))


@app.command("import", epilog=EPILOG)
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An export of a history; - is standard input.")],
    history_url: Database = "",
) -> None:
    """Bring an exported history into an empty database.

    Example: trueup history import history.jsonl --history-url postgresql://trueup@db/trueup
    """
    from trueup.cli.history.transfer import import_from

    import_from(file, history_url)
