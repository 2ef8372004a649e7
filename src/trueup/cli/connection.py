"""The cluster that a command talks to."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from trueup.cli.where import Where
from trueup.core.problem import Problem
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import (
    ConnectionConfigError,
    Forbidden,
    KindNotServed,
    KubeError,
    NoConnection,
    Unauthorized,
)
from trueup.queries.objects import Objects


def problem_of(error: KubeError) -> Problem:
    """Say in words for people what a cluster refused or why it cannot be reached, and what to do."""
    if isinstance(error, NoConnection | ConnectionConfigError):
        hint = "`trueup cluster up` starts a cluster on this machine; --kubeconfig and --context name another"
    elif isinstance(error, Unauthorized):
        hint = "the cluster does not know you: sign in again, or name another user by --kubeconfig and --context"
    elif isinstance(error, Forbidden) and "impersonate" in error.message:
        hint = "the unit acts as a service account: have the verb `impersonate` on it granted to you"
    elif isinstance(error, Forbidden):
        hint = "your user may not do this: use another --context, or have somebody grant it; -n asks for less"
    elif isinstance(error, KindNotServed):
        hint = "`trueup crds | kubectl apply -f -` installs the definitions; a running controller does it too"
    else:
        hint = "check --kubeconfig and --context, and try again"
    return Problem(str(error), hint)


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[Objects]:
    """Connect. Raises `Problem` where that fails, and for what the cluster refuses meanwhile."""
    # What the client logs for controllers is told to people as an error or a warning.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        async with KubeClient(default_connection(where.kubeconfig, where.context)) as client:
            mapper = Mapper(client)
            await mapper.refresh()
            yield Objects(client, mapper)
    except KubeError as error:
        raise problem_of(error) from error
