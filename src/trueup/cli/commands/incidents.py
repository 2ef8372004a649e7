"""Commands for when something is wrong: what the controller has logged, and Kubernetes' events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from trueup.cli.completion.callbacks import complete_unit
from trueup.cli.options import (
    EPILOG,
    ContextName,
    Form,
    Kubeconfig,
    LineForm,
    LogLevel,
    Namespace,
    Output,
)
from trueup.cli.where import Where

app = typer.Typer()

OneOrAll = Annotated[
    str,
    typer.Argument(metavar="[UNIT]", help="A unit or source; without one, all of them.", autocompletion=complete_unit),
]


@app.command(epilog=EPILOG)
def events(
    unit: OneOrAll = "",
    namespace: Namespace = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show what comes.")] = False,
    output: Output = Form.TABLE,
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show the events of a unit, its sources, objects and pods.

    They are Kubernetes' own, the newest last.

    Example: trueup events app/guestbook --watch
    """
    from trueup.cli.views.events import events as work

    asyncio.run(work(Where(kubeconfig, context, namespace), unit, watch, output))


@app.command(epilog=EPILOG)
def logs(
    unit: OneOrAll = "",
    namespace: Namespace = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, and show what comes.")] = False,
    since: Annotated[str, typer.Option(help="Only what is newer: 90m, 2h, 7d, or a time.")] = "",
    level: Annotated[LogLevel, typer.Option(help="Lowest level that is shown.")] = LogLevel.DEBUG,
    tail: Annotated[int, typer.Option(min=0, help="The last lines that are shown; 0 shows all.")] = 200,
    output: Annotated[LineForm, typer.Option("--output", "-o", help="Output format.")] = LineForm.TEXT,
    data: Annotated[
        Path | None, typer.Option(envvar="TRUEUP_DATA", help="Data folder of a controller on this machine.")
    ] = None,
    controller_namespace: Annotated[
        str, typer.Option(envvar="TRUEUP_NAMESPACE", help="Namespace of the controller and its lease.")
    ] = "trueup-system",
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
) -> None:
    """Show what the controller has logged about a unit.

    It is read from the controller's pods, or from its files on this machine.

    Example: trueup logs app/guestbook --since 1h --level warning
    """
    from trueup.cli.views.logs import Asked
    from trueup.cli.views.logs import logs as work

    asked = Asked(unit, follow, since, level, tail, output)
    asyncio.run(work(Where(kubeconfig, context, namespace), asked, data, controller_namespace))
