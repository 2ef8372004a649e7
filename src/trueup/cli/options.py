"""What several commands share: their options, and what stands below every help text.

Nothing heavy is imported here, so that `--help` and completion stay quick.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

EPILOG = "Exit codes: 0 done, 1 failed (for diff: there are differences), 2 bad use, 3 took too long."


class Form(StrEnum):
    """How a command answers: people read tables, programs the rest."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class View(StrEnum):
    """How `get` answers: `wide` is a table with more columns, `name` one name on each line as commands take them."""

    TABLE = "table"
    WIDE = "wide"
    NAME = "name"
    JSON = "json"
    YAML = "yaml"


class LogFormat(StrEnum):
    """For people, or a line of JSON for each entry."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """Lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LineForm(StrEnum):
    """How lines of a log are shown: for people, or a line of JSON for each."""

    TEXT = "text"
    JSON = "json"


class Log(NamedTuple):
    """How and what the controller logs, and how many MiB of it are kept in files."""

    form: LogFormat = LogFormat.TEXT
    level: LogLevel = LogLevel.INFO
    keep: int = 0


Kubeconfig = Annotated[
    str,
    typer.Option(
        "--kubeconfig",
        envvar="TRUEUP_KUBECONFIG",
        help="Kubeconfig file; by default $KUBECONFIG, ~/.kube/config or in-cluster.",
    ),
]
ContextName = Annotated[str, typer.Option("--context", envvar="TRUEUP_CONTEXT", help="Context of the kubeconfig.")]


def complete_unit(ctx: typer.Context, incomplete: str) -> list[str]:
    """Give the names that a shell may complete a unit's to."""
    from trueup.cli.completion import names

    return names(ctx.params.get("kubeconfig") or "", ctx.params.get("context") or "", incomplete)


Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace; by default all.")]
Output = Annotated[Form, typer.Option("--output", "-o", help="Output format.")]
UnitName = Annotated[
    str,
    typer.Argument(
        metavar="UNIT", help="name, kind/name or kind/namespace/name (app/…, ks/…).", autocompletion=complete_unit
    ),
]
UnitNames = Annotated[
    list[str],
    typer.Argument(
        metavar="UNIT...",
        help="name, kind/name or kind/namespace/name (app/…, ks/…, gitrepo/…).",
        autocompletion=complete_unit,
    ),
]
