"""Kubernetes' events about units: of a unit, its sources, its objects and what controllers have made of those.

Everything is read by watches that resume where they were cut, also where only what is there already is asked for. Of a
namespace in which a unit delivers all events are read in one list; of one in which only its own object or a source
stands, a selector leaves out the rest. Who made what is told by owner references alone, so no object is read for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import UnitState, state_name
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import FeedState, Selection
from trueup.kube.errors import KubeError
from trueup.queries.objects import Objects
from trueup.queries.problems import decode_state
from trueup.queries.subject import CannotInspect, unit_of
from trueup.queries.tree import MADE
from trueup.storage.unit_states import RESOURCE

_Name: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name: owner references name no more."""

DEFAULT = "default"
"""Where events about objects without a namespace lie."""

DEPTH = 5
"""Owners above one object that are looked at."""

WAITING = 1000
"""Events that may wait until their object's owner is known."""


class SeenEvent(msgspec.Struct, frozen=True):
    """An event. `first` and `last` are RFC 3339 times; `sync` and `revision` stand in those of Trueup and Flux."""

    uid: str
    last: str
    first: str
    count: int
    type: str
    reason: str
    object: str
    message: str
    component: str
    sync: str = ""
    revision: str = ""


class EventsOf:
    """Reads events until `stop`. `start` it, wait for `complete`, and take what is new by `news`."""

    def __init__(self, cluster: Objects, unit: Body | None, namespace: str = "") -> None:
        """Take a unit's or a source's object; without one, all units and sources, of a namespace or of all."""
        self._cluster = cluster
        self._unit = unit
        self._namespace = namespace
        self._own: set[ObjectRef] = set()
        self._delivered: set[ObjectRef] = set()
        self._names: set[_Name] = set()
        self._owners: dict[_Name, tuple[tuple[str, str], ...]] = {}
        self._events: dict[tuple[str, str], ObjectFeed] = {}
        self._made: dict[tuple[str, str, str], ObjectFeed] = {}
        self._state: ObjectFeed | None = None
        self._news: dict[str, SeenEvent] = {}
        self._waiting: dict[str, tuple[ObjectRef, SeenEvent]] = {}
        self._learned = False
        self._lost: dict[ObjectFeed, KubeError] = {}
        self.changed = asyncio.Event()
        """Set when there may be news."""

    async def start(self) -> None:
        """Begin to read. Raises `KubeError` where what the unit delivers cannot be read."""
        if self._unit is None:
            for role in (Role.UNIT, Role.SOURCE):
                for kind in self._cluster.kinds(role):
                    self._follow_events(self._namespace, f"involvedObject.kind={kind.kind}")
            return
        ref = ObjectRef.of(self._unit)
        self._own = {ref, *sources_of(self._unit)}
        await self._follow_state(ref)
        where = {entry.namespace or DEFAULT for entry in self._delivered}
        for own in self._own:
            if own.namespace not in where:
                self._follow_events(own.namespace, f"involvedObject.kind={own.kind},involvedObject.name={own.name}")

    async def complete(self) -> None:
        """Wait until everything that is there has been read. Raises the error for which events cannot be read."""
        feeds = (*self._events.values(), *self._made.values())
        while not all(feed.synced.is_set() or feed in self._lost for feed in feeds):
            await self.changed.wait()
            self.changed.clear()
        for feed in self._events.values():
            if (error := self._lost.get(feed)) is not None:
                raise error
        self.changed.set()

    def news(self) -> list[SeenEvent]:
        """Give what has come since this was last asked, the newest last."""
        if self._learned:
            self._learned = False
            for uid, (about, seen) in list(self._waiting.items()):
                if self._belongs(about):
                    del self._waiting[uid]
                    self._news[uid] = seen
        found, self._news = self._news, {}
        return sorted(found.values(), key=lambda event: (event.last, event.object, event.reason))

    def problems(self) -> list[str]:
        """Say what could not be read, once: what is missing in the answer."""
        lost = [str(error) for feed, error in self._lost.items() if feed in self._made.values()]
        return [f"what controllers have made is not told of: {text}" for text in dict.fromkeys(lost)]

    def outage(self) -> KubeError | None:
        """Give the error for which events cannot be read at the moment."""
        return next((error for feed, error in self._lost.items() if feed in self._events.values()), None)

    async def stop(self) -> None:
        """End."""
        feeds = (*self._events.values(), *self._made.values(), *([self._state] if self._state else ()))
        await asyncio.gather(*(feed.stop() for feed in feeds))

    # ------------------------------------------------------------------------------------------------- feeds

    async def _follow_state(self, ref: ObjectRef) -> None:
        """Follow what the unit delivers."""
        self._deliver(await self._cluster.state(ref))
        if self._cluster.mapper.known(RESOURCE.group, RESOURCE.kind) is None:
            return
        selectors = {"fieldSelector": f"metadata.name={state_name(ref)}"}
        selection = Selection(RESOURCE.group, RESOURCE.kind, ref.namespace, selectors=selectors)
        self._state = ObjectFeed(self._cluster.client, self._cluster.mapper, selection)
        self._state.subscribe(lambda event, old, new: self._deliver(decode_state(ref, new)) if new else None)
        self._state.start()

    def _deliver(self, state: UnitState) -> None:
        self._delivered = {entry.ref for entry in state.inventory.entries}
        self._names = {ref[1:] for ref in self._delivered}
        for namespace in sorted({ref.namespace or DEFAULT for ref in self._delivered}):
            self._follow_events(namespace, "")
            for group, kind in MADE:
                self._follow_made(group, kind, namespace)
        self._learned = True
        self.changed.set()

    def _follow_events(self, namespace: str, selector: str) -> None:
        if (namespace, selector) in self._events:
            return
        selectors = {"fieldSelector": selector} if selector else {}
        feed = self._feed(Selection("", "Event", namespace, version="v1", selectors=selectors))
        self._events[(namespace, selector)] = feed
        feed.subscribe(self._take)
        feed.start()

    def _follow_made(self, group: str, kind: str, namespace: str) -> None:
        key = (group, kind, namespace)
        if key in self._made or self._cluster.mapper.known(group, kind) is None:
            return
        feed = self._made[key] = self._feed(Selection(group, kind, namespace, metadata_only=True))
        feed.subscribe(lambda event, old, new: self._own_of(kind, new))
        feed.start()

    def _feed(self, selection: Selection) -> ObjectFeed:
        feed = ObjectFeed(self._cluster.client, self._cluster.mapper, selection)

        def state(now: FeedState, error: KubeError | None) -> None:
            if now is FeedState.UNKNOWN and error is not None:
                self._lost[feed] = error
            else:
                self._lost.pop(feed, None)
            self.changed.set()

        feed.on_state(state)
        return feed

    # ------------------------------------------------------------------------------------------------ belonging

    def _own_of(self, kind: str, body: Body | None) -> None:
        """Remember who owns an object, also when it is gone: its events outlive it."""
        if body is None:
            return
        metadata = body["metadata"]
        name = (kind, str(metadata.get("namespace") or ""), str(metadata.get("name")))
        owners = metadata.get("ownerReferences") or []
        self._owners[name] = tuple((str(one.get("kind")), str(one.get("name"))) for one in owners)
        self._learned = True
        self.changed.set()

    def _belongs(self, ref: ObjectRef) -> bool:
        if self._unit is None or ref in self._own or ref in self._delivered:
            return True
        ahead: list[tuple[_Name, int]] = [(ref[1:], 0)]
        while ahead:
            one, depth = ahead.pop()
            for kind, name in self._owners.get(one, ()):
                above = (kind, ref.namespace, name)
                if above in self._names:
                    return True
                if depth < DEPTH:
                    ahead.append((above, depth + 1))
        return False

    def _take(self, event: str, old: Body | None, new: Body | None) -> None:
        if new is None:
            # It has expired.
            return
        seen, about = seen_event(new), _about(new)
        if self._belongs(about):
            self._news[seen.uid] = seen
            self.changed.set()
        elif len(self._waiting) < WAITING:
            self._waiting[seen.uid] = (about, seen)


def seen_event(body: Mapping[str, Any]) -> SeenEvent:
    """Read an event, of whichever of Kubernetes' two ways to count."""
    metadata, series = body.get("metadata") or {}, body.get("series") or {}
    annotations = metadata.get("annotations") or {}
    first = str(body.get("firstTimestamp") or body.get("eventTime") or metadata.get("creationTimestamp") or "")
    last = str(series.get("lastObservedTime") or body.get("lastTimestamp") or body.get("eventTime") or first)
    source = body.get("source") or {}
    revision = next((str(value) for key, value in annotations.items() if key.endswith("/revision")), "")
    return SeenEvent(
        uid=str(metadata.get("uid") or metadata.get("name") or ""),
        last=last,
        first=first,
        count=int(series.get("count") or body.get("count") or 1),
        type=str(body.get("type") or ""),
        reason=str(body.get("reason") or ""),
        object=str(_about(body)),
        message=str(body.get("message") or ""),
        component=str(body.get("reportingComponent") or source.get("component") or ""),
        sync=str(annotations.get("trueup.dev/sync") or ""),
        revision=revision,
    )


def _about(body: Mapping[str, Any]) -> ObjectRef:
    involved = body.get("involvedObject") or {}
    version = str(involved.get("apiVersion") or "")
    group = version.rpartition("/")[0]
    names = (str(involved.get(key) or "") for key in ("kind", "namespace", "name"))
    return ObjectRef(group, *names)


def sources_of(body: Body) -> Iterator[ObjectRef]:
    """Give the objects that a unit's sources are declared by; none of an object that is no unit."""
    try:
        _, unit = unit_of(body)
    except CannotInspect:
        return
    for source in unit.sources:
        # Sources that stand inside the unit's own object are that object.
        if source.ref.kind != unit.ref.kind:
            yield source.ref
