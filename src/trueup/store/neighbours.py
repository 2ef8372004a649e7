"""Watches whether other controllers work on the same kinds, and says which objects are theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from trueup.core.objects import Body, ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.feed import ObjectFeed

Occupied: TypeAlias = Callable[[str, Iterable[Mapping[str, Any]]], str]

KINDS = ("Deployment", "StatefulSet")


class Neighbours:
    """Knows the other controllers' workloads by a label selector."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        selector: str,
        occupied: Occupied,
        claimed: Callable[[Body], bool],
        body_of: Callable[[ObjectRef], Body | None],
        changed: Callable[[], None],
    ) -> None:
        """Take the cluster, how workloads and claims are read, and who is told when the neighbourhood changes."""
        self._occupied = occupied
        self._claimed = claimed
        self._body_of = body_of
        self._changed = changed
        self._feeds = [ObjectFeed(client, mapper, "apps", kind, label_selector=selector) for kind in KINDS]

    async def start(self, timeout: float = 10.0) -> None:
        """Begin to watch."""
        for feed in self._feeds:
            feed.subscribe(lambda event, old, new: self._changed())
            feed.start()
        for feed in self._feeds:
            await feed.wait_synced(timeout)

    async def stop(self) -> None:
        """Stop watching."""
        for feed in self._feeds:
            await feed.stop()

    def owner(self, ref: ObjectRef) -> str:
        """Name the controller whose object this is; empty where it is ours to work on."""
        workloads = [body for feed in self._feeds for body in feed.items.values()]
        if not workloads:
            return ""
        other = self._occupied(ref.group, workloads)
        if not other:
            return ""
        body = self._body_of(ref)
        return "" if body is not None and self._claimed(body) else other
