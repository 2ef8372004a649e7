"""Keeps a copy of one kind's objects true: a list in pages, then a watch, again and again, whatever breaks.

`Reflector` runs that cycle and hands undecoded objects to a `Sink`; what a sink keeps of them is its own affair
(`feed.ObjectFeed` keeps bodies, `livecache.LiveCache` a few facts). The rules:

- A list that fails never reads as an empty one: the state turns `UNKNOWN` and what was known stays.
- A watch that ends is resumed where it stopped; 410 (also as an event) means to list again.
- A kind that is not served is waited for; its objects are gone only if discovery was read and does not name it.
- After an outage it is listed again, and after a cut the collection's resourceVersion is read first: where it is behind
  ours, the cluster's storage began anew, and a resumed watch would stay silent for ever.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from enum import StrEnum
from typing import Any, Protocol

import msgspec
import structlog

from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import BadAnswer, Gone, KindNotServed, KubeError, NoConnection, Unavailable, error_of
from trueup.kube.resource import Page, Resource, read_partial, version_number

log = structlog.get_logger(__name__)


class FeedState(StrEnum):
    """What is known of a kind's objects."""

    STARTING = "starting"
    """They have not been listed yet."""

    SYNCED = "synced"
    """They were listed, and a watch keeps them true."""

    UNKNOWN = "unknown"
    """They cannot be read: what was known stays, and nothing may be concluded of what is missing."""

    UNSERVED = "unserved"
    """The cluster serves no such kind, so that there are none."""


class Sink(Protocol):
    """Takes what a reflector reads. Its methods must not raise and must not wait."""

    def begin_list(self, resource_version: str, restarted: bool) -> None:
        """A list of this moment begins (again). `restarted`: resourceVersions began anew, older ones mean nothing."""
        ...

    def take(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        """An object as it is, from a list or an event. Give its resourceVersion. Raises `MsgspecError` for garbage."""
        ...

    def remove(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        """An object that is gone, as it last was. Give its resourceVersion. Raises `MsgspecError` for garbage."""
        ...

    def end_list(self) -> None:
        """The list is complete: what it did not name is gone."""
        ...

    def clear(self) -> None:
        """The kind is not served any more: all are gone."""
        ...

    def state(self, state: FeedState, error: KubeError | None) -> None:
        """The state has changed."""
        ...


class Selection(msgspec.Struct, frozen=True):
    """What to read: all objects of a kind, or those of one namespace, or those that selectors name.

    `version` is the preferred one where not given. `selectors` are `labelSelector` and `fieldSelector`, as the API
    takes them.
    """

    group: str
    kind: str
    namespace: str = ""
    version: str = ""
    selectors: Mapping[str, str] = {}
    metadata_only: bool = False


class Pace(msgspec.Struct, frozen=True):
    """Times of a reflector, in seconds.

    Failures are tried again after `first_pause`, doubled up to `longest_pause`; a watch is renewed after `renewal`;
    where the server sends bookmarks, `silence` without any breaks the watch; after `grace` without contact the state is
    unknown; discovery is asked again for a kind that is not served after `unserved_pause`.
    """

    first_pause: float = 0.2
    longest_pause: float = 30.0
    renewal: float = 300.0
    silence: float = 150.0
    grace: float = 5.0
    unserved_pause: float = 30.0


class _Event(msgspec.Struct):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Code(msgspec.Struct):
    code: int = 500


_EVENT = msgspec.json.Decoder(_Event)


class Reflector:
    """Keeps one kind (of one namespace, by selectors) true in a sink, from `start` to `stop`."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        selection: Selection,
        sink: Sink,
        *,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what to read and where to put it."""
        self.group, self.kind, self.version = selection.group, selection.kind, selection.version
        self.status = FeedState.STARTING
        self.error: KubeError | None = None
        self._client = client
        self._mapper = mapper
        self._sink = sink
        self._namespace = selection.namespace
        self._selectors = dict(selection.selectors)
        self._metadata_only = selection.metadata_only
        self._pace = pace
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._resource_version = ""
        self._highest = 0
        self._broken_at = 0.0
        self._doubtful = False
        self._outage = False
        self._bookmarks = False

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._mapper.on_change(self._wake.set)
            self._task = asyncio.create_task(self._run(), name=f"watch-{self.kind}.{self.group}")

    async def stop(self) -> None:
        """End; what the sink has stays as it is."""
        task, self._task = self._task, None
        self._mapper.off_change(self._wake.set)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # ---------------------------------------------------------------------------------------------- the cycle

    async def _run(self) -> None:
        pause = self._pace.first_pause
        while True:
            began = self._clock()
            asked = 0.0
            try:
                resource = await self._mapper.find(self.group, self.kind, self.version)
                if resource is None or not resource.watchable:
                    await self._unserved()
                    continue
                await self._cycle(resource)
            except Gone:
                self._resource_version = ""
            except KindNotServed as error:
                # The path is gone: what discovery said no longer holds.
                self._mapper.invalidate()
                self._failed(error)
            except KubeError as error:
                self._failed(error)
                asked = error.retry_after
                if isinstance(error, NoConnection):
                    # What comes back may stand on other storage, whose numbers may have passed ours already.
                    self._outage = True
            except Exception as error:
                # A defect in a sink must not end the watch of a kind for good.
                log.exception("a watch broke", kind=self.kind, group=self.group)
                self._resource_version = ""
                self._failed(Unavailable(f"the watch broke: {type(error).__name__}"))
            if self._clock() - began > self._pace.grace:
                pause = self._pace.first_pause
            await asyncio.sleep(max(pause, asked) * random.uniform(0.9, 1.3))
            pause = min(pause * 2, self._pace.longest_pause)

    async def _cycle(self, resource: Resource) -> None:
        """List where needed, then watch until something fails. Raises `KubeError`."""
        while True:
            if self._outage:
                self._resource_version = ""
            elif self._resource_version and self._doubtful:
                await self._check_storage(resource)
            if not self._resource_version:
                await self._list(resource)
            self._doubtful = False
            await self._watch(resource)

    async def _check_storage(self, resource: Resource) -> None:
        page = await self._page(resource, limit=1)
        if version_number(page.resource_version) < self._highest:
            self._resource_version = ""

    async def _page(self, resource: Resource, *, token: str = "", limit: int = 500) -> Page:
        return await self._client.page(
            resource,
            self._namespace,
            selectors=self._selectors,
            token=token,
            limit=limit,
            metadata_only=self._metadata_only,
        )

    async def _list(self, resource: Resource) -> None:
        page = await self._page(resource)
        restarted = version_number(page.resource_version) < self._highest
        self._sink.begin_list(page.resource_version, restarted)
        token = self._take_page(page, resource)
        while token:
            try:
                page = await self._page(resource, token=token)
            except Gone:
                # The pages took longer than the server keeps history: once in one piece.
                page = await self._page(resource, limit=0)
                self._sink.begin_list(page.resource_version, restarted)
            token = self._take_page(page, resource)
            # Thousands of objects: others get their turn.
            await asyncio.sleep(0)
        self._sink.end_list()
        self._resource_version = page.resource_version
        self._highest = version_number(page.resource_version)
        self._outage = False
        self._reached()

    def _take_page(self, page: Page, resource: Resource) -> str:
        for raw in page.items:
            try:
                self._sink.take(raw, resource)
            except msgspec.MsgspecError as error:
                raise BadAnswer(f"an item is no object: {error}", what=f"list {resource}") from error
        return page.next_token

    async def _watch(self, resource: Resource) -> None:
        seconds = self._pace.renewal * random.uniform(0.8, 1.2)
        query = {
            **self._selectors,
            "resourceVersion": self._resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        idle = self._pace.silence if self._bookmarks else seconds + 30.0
        began = self._clock()
        stream = self._client.watch(
            resource, self._namespace, query=query, metadata_only=self._metadata_only, idle_seconds=idle
        )
        self._doubtful = True
        async with aclosing(stream):
            async for lines in stream:
                self._reached()
                for line in lines:
                    if line:
                        self._handle(line, resource)
        lasted = self._clock() - began
        if lasted < seconds * 0.9:
            # It ended before its time: a restart, maybe onto other storage.
            await asyncio.sleep(self._pace.first_pause * random.uniform(0.5, 1.5))
        else:
            self._doubtful = False

    def _handle(self, line: bytes, resource: Resource) -> None:
        try:
            event = _EVENT.decode(line)
            if event.type in ("ADDED", "MODIFIED"):
                version = self._sink.take(event.object, resource)
            elif event.type == "DELETED":
                version = self._sink.remove(event.object, resource)
            elif event.type == "BOOKMARK":
                version = read_partial(event.object).metadata.resource_version
                self._bookmarks = True
            elif event.type == "ERROR":
                raw = bytes(event.object)
                raise error_of(msgspec.json.decode(raw, type=_Code).code, raw, what=f"watch {resource}")
            else:
                raise BadAnswer(f"an event of unknown type {event.type!r}", what=f"watch {resource}")
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"an event cannot be read: {error}", what=f"watch {resource}") from error
        if version:
            self._resource_version = version
            self._highest = max(self._highest, version_number(version))

    # ----------------------------------------------------------------------------------------------- the state

    async def _unserved(self) -> None:
        self._wake.clear()
        self._resource_version = ""
        self._sink.clear()
        self._become(FeedState.UNSERVED, None)
        try:
            async with asyncio.timeout(self._pace.unserved_pause * random.uniform(1.0, 1.2)):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _reached(self) -> None:
        self._broken_at = 0.0
        self._become(FeedState.SYNCED, None)

    def _failed(self, error: KubeError) -> None:
        now = self._clock()
        self._broken_at = self._broken_at or now
        passing = self.status is FeedState.SYNCED and self._resource_version and error.retriable
        if not passing or now - self._broken_at > self._pace.grace:
            self._become(FeedState.UNKNOWN, error)

    def _become(self, state: FeedState, error: KubeError | None) -> None:
        if state is self.status and str(error) == str(self.error):
            return
        if state is FeedState.UNKNOWN:
            log.warning(
                "objects cannot be read; what was known stays", kind=self.kind, group=self.group, error=str(error)
            )
        self.status, self.error = state, error
        self._sink.state(state, error)


def call(callbacks: tuple[Callable[..., Any], ...], *arguments: Any) -> None:
    """Call those who subscribed; one that raises is logged and keeps nobody else from being called."""
    for callback in callbacks:
        try:
            callback(*arguments)
        except Exception:
            log.exception("a watch's reader failed", subscriber=getattr(callback, "__qualname__", str(callback)))
