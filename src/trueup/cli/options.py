"""What several commands share: their options, and what stands below every help text.

Nothing heavy is imported here, so that `--help` and completion stay quick.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

from trueup.cli.completion.callbacks import complete_context, complete_namespace, complete_unit

EPILOG = (
    "Exit codes: 0 done, 1 failed (for diff: there are differences), 2 bad use, 3 took too long, 4 not found, "
    "5 no cluster that answers, 6 not allowed."
)


class Form(StrEnum):
    """How a command answers: people read tables, programs the rest; `wide` leaves nothing out and shortens nothing."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"

    @property
    def for_people(self) -> bool:
        """Whether it is read by people."""
        return self in (Form.TABLE, Form.WIDE)


class Document(StrEnum):
    """How a command answers that has nothing to say in a table."""

    YAML = "yaml"
    JSON = "json"


class View(StrEnum):
    """How `get` answers: as all commands, or (`name`) one name on each line as commands take them."""

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
ContextName = Annotated[
    str,
    typer.Option(
        "--context", envvar="TRUEUP_CONTEXT", help="Context of the kubeconfig.", autocompletion=complete_context
    ),
]
Namespace = Annotated[
    str,
    typer.Option("--namespace", "-n", help="Namespace; by default all.", autocompletion=complete_namespace),
]
Output = Annotated[Form, typer.Option("--output", "-o", help="Output format.")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave out the headings of a table.")]
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
