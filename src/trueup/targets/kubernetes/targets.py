"""The clusters that units deliver to: a target for each, with a client, discovery, watches and a cache of its own.

The local cluster is there from the start. Another one is connected when the first unit names it, kept while one does,
and asked every few seconds whether it still answers. While it does not, only its own units are held up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import structlog

from trueup.core.model.objects import LOCAL, ClusterRef, ObjectRef
from trueup.core.ports import ClusterUnreachable
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import ConnectionConfigError, KubeError
from trueup.targets.kubernetes.target import KubernetesTarget

log = structlog.get_logger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between two tries to reach a cluster: at first, and at most."""

PROBE_PAUSE = 10.0
"""Seconds between two questions whether a cluster still answers."""

Connect: TypeAlias = Callable[[ClusterRef], Connection]
"""How a cluster is reached. Raises `ConnectionConfigError`, which says what is missing."""

Serve: TypeAlias = Callable[[Connection], AbstractAsyncContextManager[KubeClient]]
"""Opens a client whose writes are fenced."""

Make: TypeAlias = Callable[[KubeClient, Mapper, Callable[[ObjectRef], None]], KubernetesTarget]
"""Makes the target of a cluster; it calls with every object of which something changed."""


class KubernetesTargets:
    """Implements the `Targets` port.

    `object_changed` is called with every object of another cluster that has changed, `cluster_changed` when what one
    serves, or whether it can be reached, has.
    """

    def __init__(
        self,
        local: KubernetesTarget,
        connect: Connect,
        serve: Serve,
        make: Make,
        object_changed: Callable[[ObjectRef, ClusterRef], None],
        cluster_changed: Callable[[ClusterRef], None],
    ) -> None:
        """Take the local cluster's target, and how others are made."""
        self._local = local
        self._connect = connect
        self._serve = serve
        self._make = make
        self._object_changed = object_changed
        self._cluster_changed = cluster_changed
        self._tasks: dict[ClusterRef, asyncio.Task[None]] = {}
        self._targets: dict[ClusterRef, KubernetesTarget] = {}
        self._errors: dict[ClusterRef, str] = {}
        self._known: set[ClusterRef] = set()

    def of(self, cluster: ClusterRef) -> KubernetesTarget:
        """Give a cluster's target; one that is new is connected in the background. Raises `ClusterUnreachable`."""
        if cluster == LOCAL:
            return self._local
        error = self._errors.get(cluster)
        found = self._targets.get(cluster)
        if found is not None and error is None:
            return found
        if cluster not in self._tasks:
            self._tasks[cluster] = asyncio.create_task(self._work(cluster), name=f"cluster {cluster}")
        raise ClusterUnreachable(f"cluster {cluster} cannot be reached: {error or 'it is being connected'}")

    def keep(self, clusters: frozenset[ClusterRef]) -> None:
        """Give up the clusters that no unit names any more."""
        for cluster in self._tasks.keys() - clusters:
            self._tasks.pop(cluster).cancel()

    async def stop(self) -> None:
        """Give up all clusters but the local one, whose maker stops it."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, cluster: ClusterRef) -> None:
        """Keep a cluster connected until cancelled, whatever happens to it."""
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    async with self._connected(cluster) as client:
                        pause = FIRST_PAUSE
                        await self._watch_over(cluster, client)
                except ConnectionConfigError as error:
                    self._failed(cluster, str(error))
                except KubeError as error:
                    self._failed(cluster, error.message)
                except Exception as error:
                    # One cluster's defect must not end its reconnection, nor anybody else's work.
                    log.exception("a cluster's connection broke", cluster=str(cluster))
                    self._failed(cluster, f"an error of Trueup itself ({type(error).__name__})")
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            self._errors.pop(cluster, None)
            self._known.discard(cluster)

    @asynccontextmanager
    async def _connected(self, cluster: ClusterRef) -> AsyncIterator[KubeClient]:
        """Connect a cluster, and let its units know. Raises `KubeError`, `ConnectionConfigError`."""
        async with self._serve(self._connect(cluster)) as client:
            mapper = Mapper(client)
            await mapper.refresh()
            target = self._make(client, mapper, lambda ref: self._object_changed(ref, cluster))
            mapper.on_change(lambda: self._cluster_changed(cluster))
            self._targets[cluster] = target
            self._reached(cluster)
            try:
                yield client
            finally:
                self._targets.pop(cluster, None)
                await target.stop()

    async def _watch_over(self, cluster: ClusterRef, client: KubeClient) -> None:
        """Ask every few seconds whether a cluster still answers. Its watches and cache outlive a short absence."""
        while True:
            await asyncio.sleep(PROBE_PAUSE)
            try:
                await client.raw("/version", what=f"ask cluster {cluster} for its version", timeout=PROBE_PAUSE)
            except KubeError as error:
                if not error.retriable:
                    raise
                self._failed(cluster, error.message)
            else:
                self._reached(cluster)

    def _failed(self, cluster: ClusterRef, message: str) -> None:
        if self._errors.get(cluster) != message:
            self._errors[cluster] = message
            log.warning("cluster not reached", cluster=str(cluster), error=message)
            self._cluster_changed(cluster)

    def _reached(self, cluster: ClusterRef) -> None:
        if self._errors.pop(cluster, None) is not None or cluster not in self._known:
            self._known.add(cluster)
            log.info("cluster reached", cluster=str(cluster))
            self._cluster_changed(cluster)
