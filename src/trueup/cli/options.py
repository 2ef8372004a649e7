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


class LogFormat(StrEnum):
    """For people, or a line of JSON for each entry."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Log(NamedTuple):
    """How and what the controller logs."""

    form: LogFormat = LogFormat.TEXT
    level: LogLevel = LogLevel.INFO


Kubeconfig = Annotated[
    str,
    typer.Option(
        "--kubeconfig",
        envvar="TRUEUP_KUBECONFIG",
        help="Kubeconfig file; by default $KUBECONFIG, ~/.kube/config or in-cluster.",
    ),
]
ContextName = Annotated[str, typer.Option("--context", envvar="TRUEUP_CONTEXT", help="Context of the kubeconfig.")]
Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace; by default all.")]
Output = Annotated[Form, typer.Option("--output", "-o", help="How to answer.")]
UnitName = Annotated[str, typer.Argument(metavar="UNIT", help="name, kind/name or kind/namespace/name (app/…, ks/…).")]
