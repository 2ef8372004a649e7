"""A kind's whole objects, kept true by a watch: for the few kinds whose bodies are needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from trueup.core.model.objects import Body
from trueup.kube.cache.watch import FeedState, Pace, Reflector, Selection, call
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.resource import Resource, read_body, version_number

Key: TypeAlias = tuple[str, str]
Changed: TypeAlias = Callable[[str, Body | None, Body | None], None]
"""Called with `ADDED`, `MODIFIED` or `DELETED`, the object before and the object after."""


class ObjectFeed:
    """Keeps `items`, (namespace, name) → body, of one kind. The bodies are shared: change none."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        selection: Selection,
        *,
        reduce: Callable[[Body], Body] | None = None,
        pace: Pace = Pace(),
    ) -> None:
        """Take what to read; nothing is asked before `start`. `reduce` says what of each body is kept (its metadata's
        name, namespace and resourceVersion always have to be)."""
        self.items: dict[Key, Body] = {}
        self.synced = asyncio.Event()
        """Set while the objects are known: listed and watched, or of a kind that the cluster does not serve."""
        self._reflector = Reflector(client, mapper, selection, self, pace=pace)
        self._callbacks: tuple[Changed, ...] = ()
        self._watchers: tuple[Callable[[FeedState, KubeError | None], None], ...] = ()
        self._reduce = reduce
        self._listed: set[Key] | None = None
        self._list_version: int | None = 0

    def start(self) -> None:
        """Begin to list and watch."""
        self._reflector.start()

    async def stop(self) -> None:
        """End; `items` stay as they are."""
        await self._reflector.stop()

    async def wait_synced(self, timeout: float | None = None) -> bool:
        """Wait until the objects are known; `False` after `timeout` seconds without."""
        try:
            async with asyncio.timeout(timeout):
                await self.synced.wait()
        except TimeoutError:
            return False
        return True

    @property
    def status(self) -> FeedState:
        """What is known."""
        return self._reflector.status

    @property
    def error(self) -> KubeError | None:
        """Why it is unknown."""
        return self._reflector.error

    def get(self, namespace: str, name: str) -> Body | None:
        """Give an object, `None` where none is known: ask `status` what that means."""
        return self.items.get((namespace, name))

    def subscribe(self, callback: Changed) -> Callable[[], None]:
        """Have `callback` told of every change from now on. Gives a function that ends it."""
        self._callbacks = (*self._callbacks, callback)

        def end() -> None:
            self._callbacks = tuple(each for each in self._callbacks if each is not callback)

        return end

    def on_state(self, callback: Callable[[FeedState, KubeError | None], None]) -> None:
        """Have `callback` told when the state changes."""
        self._watchers = (*self._watchers, callback)

    def put(self, body: Body) -> None:
        """Take an object as a write's answer gave it; an older one than is known is left."""
        self._store(body)

    # ------------------------------------------------------------------------------------ what a reflector calls

    def begin_list(self, resource_version: str, restarted: bool) -> None:
        self._listed = set()
        # What is newer than the list was written by us since.
        self._list_version = None if restarted else version_number(resource_version)

    def take(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        body = self._read(raw, resource)
        if self._listed is not None:
            self._listed.add(_key(body))
        return self._store(body)

    def remove(self, raw: bytes | msgspec.Raw, resource: Resource) -> str:
        body = self._read(raw, resource)
        known = self.items.get(_key(body))
        if known is not None and _number(known) <= _number(body):
            del self.items[_key(body)]
            call(self._callbacks, "DELETED", known, None)
        return _version(body)

    def end_list(self) -> None:
        listed, self._listed = self._listed or set(), None
        for key in [key for key in self.items if key not in listed]:
            if self._list_version is None or _number(self.items[key]) <= self._list_version:
                call(self._callbacks, "DELETED", self.items.pop(key), None)

    def clear(self) -> None:
        for key in list(self.items):
            call(self._callbacks, "DELETED", self.items.pop(key), None)

    def state(self, state: FeedState, error: KubeError | None) -> None:
        if state in (FeedState.SYNCED, FeedState.UNSERVED):
            self.synced.set()
        else:
            self.synced.clear()
        call(self._watchers, state, error)

    def _read(self, raw: bytes | msgspec.Raw, resource: Resource) -> Body:
        body = read_body(raw)
        # Items of a list do not repeat what the list says.
        body.setdefault("apiVersion", resource.api_version)
        body.setdefault("kind", resource.kind)
        return body if self._reduce is None else self._reduce(body)

    def _store(self, body: Body) -> str:
        key = _key(body)
        known = self.items.get(key)
        if known is None:
            self.items[key] = body
            call(self._callbacks, "ADDED", None, body)
        elif known != body and self._replaces(known, body):
            self.items[key] = body
            call(self._callbacks, "MODIFIED", known, body)
        return _version(body)

    def _replaces(self, known: Body, body: Body) -> bool:
        if self._listed is None:
            return _number(known) <= _number(body)
        return self._list_version is None or _number(known) <= max(self._list_version, _number(body))


def _metadata(body: Mapping[str, object]) -> Mapping[str, object]:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _key(body: Body) -> Key:
    metadata = _metadata(body)
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _version(body: Body) -> str:
    return str(_metadata(body).get("resourceVersion") or "")


def _number(body: Body) -> int:
    return version_number(_version(body))
