"""What lives in the cluster, of every kind that someone needs, kept true by one watch for each kind.

Each object is reduced to a `Record` as it is decoded and its body dropped, so that many thousands fit. An event that
changes nothing of the record calls nobody. What a write gave is `put` at once: an event that is older than what is
known never overwrites it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from typing import TypeAlias

import msgspec

from trueup.core.model.live import Presence
from trueup.core.model.objects import Body, ObjectRef, split_api_version
from trueup.kube.cache.record import Record, Reduction, reduce_object
from trueup.kube.cache.watch import FeedState, Pace, Reflector, Selection, call
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.resource import OwnerReference, Resource, read_body, read_partial, version_number

Kind: TypeAlias = tuple[str, str]
"""API group and kind."""
Changed: TypeAlias = Callable[[ObjectRef, Record | None, Record | None], None]

_LINGER_SECONDS = 120.0
_GONE_KEPT = 1000
"""Of so many objects of a kind it is remembered that they are gone, for answers that come late."""

_NO_RECORDS: frozenset[ObjectRef] = frozenset()


class LiveCache:
    """Records of all objects of the needed kinds. Make it inside the event loop, `stop` it at the end."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        reduction: Reduction,
        *,
        pace: Pace = Pace(),
        linger: float = _LINGER_SECONDS,
    ) -> None:
        """Take the cluster, and what is kept of its objects.

        A kind that nobody needs any more is watched for `linger` seconds longer.
        """
        self._client = client
        self._mapper = mapper
        self._reduction = reduction
        self._pace = pace
        self._linger = linger
        self._feeds: dict[Kind, _KindFeed] = {}
        self._needs: dict[Hashable, frozenset[Kind]] = {}
        self._always: set[Kind] = set()
        self._stopping: dict[Kind, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._children: dict[str, set[ObjectRef]] = {}
        self._callbacks: tuple[Changed, ...] = ()
        self._state_callbacks: tuple[Callable[[Kind, FeedState], None], ...] = ()

    # ----------------------------------------------------------------------------------------- what is watched

    def need(self, kinds: Iterable[Kind], holder: Hashable = None) -> None:
        """See to it that these kinds are watched. A `holder` replaces what it needed before; without one, for good."""
        wanted = frozenset(kinds)
        if holder is None:
            self._always |= wanted
        else:
            self._needs[holder] = wanted
        for kind in wanted:
            timer = self._stopping.pop(kind, None)
            if timer is not None:
                timer.cancel()
            if kind not in self._feeds:
                self._feeds[kind] = _KindFeed(self, kind)
        self._let_go()

    def release(self, holder: Hashable) -> None:
        """Forget what a holder needed."""
        if self._needs.pop(holder, None) is not None:
            self._let_go()

    def _let_go(self) -> None:
        needed = self._always.union(*self._needs.values())
        for kind in self._feeds.keys() - needed - self._stopping.keys():
            loop = asyncio.get_running_loop()
            self._stopping[kind] = loop.call_later(self._linger, self._end, kind)

    def _end(self, kind: Kind) -> None:
        self._stopping.pop(kind, None)
        feed = self._feeds.pop(kind, None)
        if feed is not None:
            task = asyncio.ensure_future(feed.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """End all watches."""
        for timer in self._stopping.values():
            timer.cancel()
        self._stopping.clear()
        feeds, self._feeds = list(self._feeds.values()), {}
        await asyncio.gather(*(feed.end() for feed in feeds), *self._ending, return_exceptions=True)

    async def settled(self, kinds: Iterable[Kind], timeout: float) -> frozenset[Kind]:
        """Wait until each kind was listed, is known not to be served, or has failed; give those that are not known.

        After `timeout` seconds what still waits counts as not known.
        """
        wanted = frozenset(kinds)
        waiting = [self._feeds[kind].settled.wait() for kind in wanted if kind in self._feeds]
        if waiting:
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.gather(*waiting)
            except TimeoutError:
                pass
        return frozenset(kind for kind in wanted if not self._is_known(kind))

    def _is_known(self, kind: Kind) -> bool:
        return self.status(*kind) in (FeedState.SYNCED, FeedState.UNSERVED)

    def status(self, group: str, kind: str) -> FeedState:
        """Say what is known of a kind; `STARTING` for one that nobody asked for."""
        feed = self._feeds.get((group, kind))
        return feed.reflector.status if feed is not None else FeedState.STARTING

    def error(self, group: str, kind: str) -> KubeError | None:
        """Say why a kind is unknown."""
        feed = self._feeds.get((group, kind))
        return feed.reflector.error if feed is not None else None

    def kinds(self) -> frozenset[Kind]:
        """Give all kinds that are watched."""
        return frozenset(self._feeds)

    # ------------------------------------------------------------------------------------------- what is known

    def get(self, ref: ObjectRef) -> Record | Presence:
        """Give an object's record; `ABSENT` only where its kind was listed, `UNKNOWN` otherwise. Asks nobody."""
        feed = self._feeds.get((ref.group, ref.kind))
        if feed is None:
            return Presence.UNKNOWN
        found = feed.records.get(ref)
        if found is not None:
            return found
        return Presence.ABSENT if feed.reflector.status is FeedState.SYNCED else Presence.UNKNOWN

    def children(self, uid: str) -> frozenset[ObjectRef]:
        """Give the objects whose ownerReferences name this uid."""
        found = self._children.get(uid)
        return frozenset(found) if found else _NO_RECORDS

    def records(self, group: str, kind: str) -> tuple[Record, ...]:
        """Give all records of a kind, in no order."""
        feed = self._feeds.get((group, kind))
        return tuple(feed.records.values()) if feed is not None else ()

    def subscribe(self, callback: Changed) -> Callable[[], None]:
        """Have `callback(ref, before, after)` told of every change of a record. Gives a function that ends it."""
        self._callbacks = (*self._callbacks, callback)

        def end() -> None:
            self._callbacks = tuple(each for each in self._callbacks if each is not callback)

        return end

    def on_state(self, callback: Callable[[Kind, FeedState], None]) -> None:
        """Have `callback` told when a kind becomes known, unknown or not served."""
        self._state_callbacks = (*self._state_callbacks, callback)

    # -------------------------------------------------------------------------------------- what a write gave

    def reduce(self, raw: bytes) -> Record:
        """Reduce a write's answer to a record, as an event of it would be. Raises `msgspec.MsgspecError`."""
        return self._reduce(raw, None)

    def put(self, record: Record) -> None:
        """Take what a write gave; left where something newer is known, or the kind is not watched."""
        feed = self._feeds.get((record.ref.group, record.ref.kind))
        if feed is not None:
            feed.put(record)

    def drop(self, ref: ObjectRef, resource_version: int) -> None:
        """Note that an object is gone as of this resourceVersion (0: as of what is known); older events are ignored."""
        feed = self._feeds.get((ref.group, ref.kind))
        if feed is not None:
            feed.drop(ref, resource_version)

    def _reduce(self, raw: bytes | msgspec.Raw, resource: Resource | None) -> Record:
        body: Body = read_body(raw)
        partial = read_partial(raw)
        if not partial.api_version and resource is not None:
            # Items of a list do not repeat what the list says.
            body["apiVersion"], body["kind"] = resource.api_version, resource.kind
            partial = msgspec.structs.replace(partial, api_version=resource.api_version, kind=resource.kind)
        group, version = split_api_version(partial.api_version)
        ref = ObjectRef(group, partial.kind, partial.metadata.namespace, partial.metadata.name)
        watched = resource if resource is not None else self._mapper.known(group, partial.kind)
        return reduce_object(
            ref,
            body,
            partial,
            watched.version if watched is not None else version,
            self._reduction,
        )

    def _changed(self, ref: ObjectRef, before: Record | None, after: Record | None) -> None:
        self._reparent(ref, before.owners if before is not None else (), after.owners if after is not None else ())
        call(self._callbacks, ref, before, after)

    def _reparent(self, ref: ObjectRef, before: tuple[OwnerReference, ...], after: tuple[OwnerReference, ...]) -> None:
        for owner in before:
            siblings = self._children.get(owner.uid)
            if siblings is not None:
                siblings.discard(ref)
                if not siblings:
                    del self._children[owner.uid]
        for owner in after:
            self._children.setdefault(owner.uid, set()).add(ref)


class _KindFeed:
    """The records of one kind: a reflector's sink."""

    def __init__(self, cache: LiveCache, kind: Kind) -> None:
        self.records: dict[ObjectRef, Record] = {}
        self.settled = asyncio.Event()
        self._cache = cache
        self._kind = kind
        self._gone: dict[ObjectRef, int] = {}
        self._listed: set[ObjectRef] | None = None
        self._list_version: int | None = 0
        self.reflector = Reflector(cache._client, cache._mapper, Selection(*kind), self, pace=cache._pace)
        self.reflector.start()

    async def end(self) -> None:
        await self.reflector.stop()
        # Nobody looks any more: that is no deletion, and nobody is told.
        for ref, record in self.records.items():
            self._cache._reparent(ref, record.owners, ())
        self.records = {}

    def put(self, record: Record) -> None:
        gone = self._gone.get(record.ref)
        if gone is not None and gone >= record.resource_version:
            # The answer has come later than the news that the object is gone.
            return
        known = self.records.get(record.ref)
        if known is None or known.resource_version <= record.resource_version:
            self._gone.pop(record.ref, None)
            self._set(record)

    def _note_gone(self, ref: ObjectRef, resource_version: int) -> None:
        self._gone[ref] = resource_version
        if len(self._gone) > _GONE_KEPT:
            del self._gone[next(iter(self._gone))]

    def drop(self, ref: ObjectRef, resource_version: int) -> None:
        known = self.records.get(ref)
        at = resource_version or (known.resource_version if known is not None else 0)
        if known is not None and known.resource_version > at:
            return
        self._note_gone(ref, at)
        if known is not None:
            del self.records[ref]
            self._cache._changed(ref, known, None)

    def _set(self, record: Record) -> None:
        known = self.records.get(record.ref)
        self.records[record.ref] = record
        if known is None or not known.same(record):
            self._cache._changed(record.ref, known, record)

    # ------------------------------------------------------------------------------------ what a reflector calls

    def begin_list(self, resource_version: str, restarted: bool) -> None:
        self._listed = set()
        # What is newer than the list was written by us since.
        self._list_version = None if restarted else version_number(resource_version)
        if restarted:
            self._gone.clear()

    def take(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        record = self._cache._reduce(raw, resource)
        ref = record.ref
        floor = record.resource_version
        if self._listed is not None:
            self._listed.add(ref)
            if self._list_version is None:
                self._set(record)
                return _version_text(record, raw)
            floor = max(floor, self._list_version)
        gone = self._gone.get(ref)
        if gone is not None and gone >= floor:
            return _version_text(record, raw)
        known = self.records.get(ref)
        if known is None or known.resource_version <= floor:
            self._gone.pop(ref, None)
            self._set(record)
        return _version_text(record, raw)

    def remove(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        partial = read_partial(raw)
        ref = resource.ref(partial.metadata.name, partial.metadata.namespace)
        version = version_number(partial.metadata.resource_version)
        known = self.records.get(ref)
        if known is None or known.resource_version <= version:
            self._note_gone(ref, version)
        if known is not None and known.resource_version <= version:
            del self.records[ref]
            self._cache._changed(ref, known, None)
        return partial.metadata.resource_version

    def end_list(self) -> None:
        listed, self._listed = self._listed or set(), None
        limit = self._list_version
        for ref in [ref for ref in self.records if ref not in listed]:
            known = self.records[ref]
            if limit is None or known.resource_version <= limit:
                del self.records[ref]
                self._cache._changed(ref, known, None)
        self._gone = {} if limit is None else {ref: at for ref, at in self._gone.items() if at > limit}

    def clear(self) -> None:
        self._gone.clear()
        for ref in list(self.records):
            self._cache._changed(ref, self.records.pop(ref), None)

    def state(self, state: FeedState, error: KubeError | None) -> None:
        self.settled.set()
        call(self._cache._state_callbacks, self._kind, state)


def _version_text(record: Record, raw: bytes | msgspec.Raw) -> str:
    return str(record.resource_version) if record.resource_version else read_partial(raw).metadata.resource_version
