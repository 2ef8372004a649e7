"""Commands that look and change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from trueup.cli.completion.callbacks import (
    complete_deployment,
    complete_namespace,
    complete_object,
    complete_shown,
    complete_unit,
)
from trueup.cli.errors import Problem
from trueup.cli.options import (
    EPILOG,
    ContextName,
    Form,
    Kubeconfig,
    Namespace,
    NoHeaders,
    Output,
    UnitName,
    View,
)
from trueup.cli.where import Where

app = typer.Typer()


@app.command(epilog=EPILOG)
def get(
    what: Annotated[
        str, typer.Argument(metavar="[units|sources|UNIT]", help="What to show.", autocompletion=complete_shown)
    ] = "units",
    namespace: Namespace = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show what changes.")] = False,
    output: Annotated[View, typer.Option("--output", "-o", help="Output format.")] = View.TABLE,
    no_headers: NoHeaders = False,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show units, sources or one unit, of both dialects.

    Example: trueup get app/guestbook --watch -o wide
    """
    from trueup.cli.views.get import get as work

    asyncio.run(work(Where(kubeconfig, context, namespace), what, output, watch, headings=not no_headers))


@app.command(epilog=EPILOG)
def tree(
    unit: UnitName,
    namespace: Namespace = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show a unit's objects and their health, down to the pods.

    Example: trueup tree app/guestbook
    """
    from trueup.cli.views.tree import tree as work

    asyncio.run(work(Where(kubeconfig, context, namespace), unit, output))


@app.command(epilog=EPILOG)
def diff(
    unit: UnitName,
    other: Annotated[
        str, typer.Argument(metavar="[UNIT]", help="Another unit: compare the two.", autocompletion=complete_unit)
    ] = "",
    revision: Annotated[
        str, typer.Option(help="Another revision of its source.", autocompletion=complete_deployment)
    ] = "",
    local: Annotated[Path | None, typer.Option(help="A local folder in place of its repository.")] = None,
    before: Annotated[
        str, typer.Option("--from", help="A revision, or a number of its history.", autocompletion=complete_deployment)
    ] = "",
    after: Annotated[
        str, typer.Option("--to", help="Another one, or `live` (the default).", autocompletion=complete_deployment)
    ] = "",
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show what a sync would change, or how two units differ.

    Or, with --from and --to, in what two revisions of a unit do. Exits 1 where there are differences. Secrets' values
    stay hidden.

    Example: trueup diff ks/shop-staging ks/shop-production
    """
    from trueup.cli.views.diff import Asked
    from trueup.cli.views.diff import diff as work

    asked = Asked(unit, other, revision, local, before, after)
    raise typer.Exit(asyncio.run(_told(work(Where(kubeconfig, context, namespace), asked))))


@app.command(epilog=EPILOG)
def blame(
    what: Annotated[
        str,
        typer.Argument(metavar="KIND/NAME", help="An object, as kubectl names kinds.", autocompletion=complete_object),
    ],
    field: Annotated[str, typer.Option(help="This field and those below it, such as spec.replicas.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also fields that nobody has set.")] = False,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="The object's namespace.", autocompletion=complete_namespace)
    ] = "",
    output: Output = Form.TABLE,
    no_headers: NoHeaders = False,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Say which commit or manager gave each field of an object.

    Of a commit it says by whom and where.

    Example: trueup blame deployment/web -n shop --field spec.replicas
    """
    from trueup.cli.views.blame import blame as work

    asyncio.run(work(Where(kubeconfig, context, namespace), what, field, everything, output, headings=not no_headers))


@app.command(epilog=EPILOG)
def why(
    unit: UnitName,
    namespace: Namespace = "",
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Say why a unit is as it is, and what to do.

    What waits for what, what failed, and since when.

    Example: trueup why app/guestbook
    """
    from trueup.cli.views.why import why as work

    asyncio.run(work(Where(kubeconfig, context, namespace), unit, output))


async def _told(work: Coroutine[Any, Any, int]) -> int:
    """Have no problem end with 1, which would say that there are differences."""
    from trueup.queries.problems import no_answer

    try:
        return await work
    except Problem as problem:
        raise no_answer(problem) from problem
