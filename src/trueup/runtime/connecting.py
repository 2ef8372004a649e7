"""Reaching clusters: until one answers, with what a controller needs there, and only as long as it may write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from trueup.core.model.objects import ClusterRef, ObjectRef
from trueup.core.ports import Fence
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import AlreadyExists, ConnectionConfigError, KubeError
from trueup.kube.transport import Limits

CONNECT_PAUSE = 2.0

log = structlog.get_logger(__name__)


def no_other_cluster(cluster: ClusterRef) -> Connection:
    """Refuse every cluster but the controller's own. Raises `ConnectionConfigError`."""
    raise ConnectionConfigError(f"cluster {cluster} is not registered")


@asynccontextmanager
async def fenced_client(connection: Connection, fence: Fence, limits: Limits) -> AsyncIterator[KubeClient]:
    """Open a client of another cluster; it writes only while the lease is held."""
    async with KubeClient(connection, limits) as client:
        yield client.fenced(fence.check)


async def connected(mapper: Mapper) -> None:
    """Wait until the API server answers."""
    while True:
        try:
            await mapper.refresh()
            return
        except KubeError as error:
            if not error.retriable:
                raise
            log.warning("the API server does not answer; trying again", error=str(error))
            await asyncio.sleep(CONNECT_PAUSE)


async def ensure_namespace(client: KubeClient, mapper: Mapper, name: str) -> None:
    """Make a namespace that is not there. Raises `KubeError`."""
    resource = await mapper.of(ObjectRef("", "Namespace", "", name))
    if await client.find(resource, name) is None:
        with contextlib.suppress(AlreadyExists):
            await client.create(resource, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


async def cancelled(task: asyncio.Task[None]) -> None:
    """End a task, and wait until it has ended."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
