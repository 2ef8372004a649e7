"""Watches whether other controllers work on the same kinds, and says which objects are theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from trueup.core.model.objects import Body, ObjectRef
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper

Occupied: TypeAlias = Callable[[str, Iterable[Mapping[str, Any]]], str]

KINDS = ("Deployment", "StatefulSet")


class KnownControllers(msgspec.Struct, frozen=True):
    """The controllers that Trueup stands in for.

    `selector` finds their workloads by label, `managed_by` names the one of a group from them, and `claimed` says
    whether a user has given an object to Trueup.
    """

    selector: str
    managed_by: Occupied
    claimed: Callable[[Body], bool]


class UpstreamControllers:
    """Knows the other controllers' workloads by a label selector."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        known: KnownControllers,
        body_of: Callable[[ObjectRef], Body | None],
        changed: Callable[[], None],
    ) -> None:
        """Take the cluster, which controllers are known, and who is told when one comes or goes."""
        self._known = known
        self._body_of = body_of
        self._changed = changed
        selectors = {"labelSelector": known.selector}
        self._feeds = [ObjectFeed(client, mapper, Selection("apps", kind, selectors=selectors)) for kind in KINDS]

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
        other = self._known.managed_by(ref.group, workloads)
        if not other:
            return ""
        body = self._body_of(ref)
        return "" if body is not None and self._known.claimed(body) else other
