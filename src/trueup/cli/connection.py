"""The cluster that a command talks to."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from trueup.cli.where import Where
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.queries.objects import Objects
from trueup.queries.problems import Given, problems


@asynccontextmanager
async def connected(where: Where) -> AsyncIterator[Objects]:
    """Connect. Raises `Problem` where that fails, and for whatever fails meanwhile."""
    # What the client logs for controllers is told to people as an error or a warning.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("critical"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    with problems(Given(where.context, where.namespace)):
        async with KubeClient(default_connection(where.kubeconfig, where.context)) as client:
            mapper = Mapper(client)
            await mapper.refresh()
            yield Objects(client, mapper)
