"""What users declare: the dialects' objects, watched, translated, and handed on when what they ask for has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
import structlog

from trueup.core.model.dialect import Context, Dialect, Role, Translated, WatchedKind
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who is told of declarations."""

    def declare(self, unit: Unit) -> None: ...
    def withdraw(self, ref: ObjectRef) -> None: ...
    def declare_source(self, declaration: SourceDeclaration) -> None: ...
    def withdraw_source(self, ref: ObjectRef) -> None: ...


class Declarations:
    """Watches every kind of every dialect and keeps the listener current."""

    def __init__(self, client: KubeClient, mapper: Mapper, dialects: Iterable[Dialect], context: Context) -> None:
        """Take the cluster, the dialects and the context of translation; nothing is watched before `start`."""
        self._others: dict[ObjectRef, Body] = {}
        self._context = msgspec.structs.replace(context, others=self._others)
        self._projects: dict[tuple[str, str], Body] = {}
        self._kinds: dict[tuple[str, str], tuple[Dialect, WatchedKind, ObjectFeed]] = {}
        self._sources: dict[ObjectRef, frozenset[ObjectRef]] = {}
        self._units: set[ObjectRef] = set()
        self._listener: Listener | None = None
        self._observers: tuple[Callable[[ObjectRef], None], ...] = ()
        for dialect in dialects:
            for kind in dialect.kinds:
                feed = ObjectFeed(client, mapper, Selection(kind.group, kind.kind))
                self._kinds[(kind.group, kind.kind)] = (dialect, kind, feed)
        self._read = frozenset(read for _, kind, _ in self._kinds.values() for read in kind.reads)

    def on_change(self, changed: Callable[[ObjectRef], None]) -> None:
        """Have `changed` told when what an object asks for changes, projects included."""
        self._observers = (*self._observers, changed)

    async def start(self, listener: Listener, timeout: float = 30.0) -> bool:
        """Begin to watch, and hand on all that is declared once every kind was listed (at most `timeout` seconds).

        A kind that is not served yet is handed on when it is. Gives whether all were listed in time.
        """
        self._listener = listener
        feeds = [(dialect, kind, feed) for dialect, kind, feed in self._kinds.values()]
        for dialect, kind, feed in feeds:
            feed.subscribe(self._subscriber(dialect, kind))
            feed.start()
        return all(await asyncio.gather(*(feed.wait_synced(timeout) for _, _, feed in feeds)))

    async def stop(self) -> None:
        """Stop watching."""
        await asyncio.gather(*(feed.stop() for _, _, feed in self._kinds.values()))

    def body(self, ref: ObjectRef) -> Body | None:
        """Give the user's object, `None` where it is not there (or no longer)."""
        known = self._kinds.get((ref.group, ref.kind))
        return known[2].items.get((ref.namespace, ref.name)) if known else None

    def dialect_of(self, ref: ObjectRef) -> Dialect | None:
        """Give the dialect of a kind."""
        known = self._kinds.get((ref.group, ref.kind))
        return known[0] if known else None

    def _subscriber(self, dialect: Dialect, kind: WatchedKind) -> Callable[[str, Body | None, Body | None], None]:
        def changed(event: str, old: Body | None, new: Body | None) -> None:
            body = new or old
            if body is None:
                return
            ref = ObjectRef.of(body)
            asks_anew = old is None or new is None or _asks(old, kind) != _asks(new, kind)
            if asks_anew:
                for observer in self._observers:
                    observer(ref)
                if ref[:2] in self._read:
                    self._read_changed(ref, new)
            if kind.role is Role.PROJECT:
                self._project_changed(ref, new)
            elif new is None:
                self._gone(ref)
            elif asks_anew:
                self._declare(dialect, ref, new)

        return changed

    def _declare(self, dialect: Dialect, ref: ObjectRef, body: Body) -> None:
        assert self._listener is not None
        try:
            translated = dialect.translate(body, self._context)
        except Exception:
            # A dialect promises never to raise; should one do it all the same, only its own object may suffer.
            log.exception("an object could not be translated", object=str(ref))
            translated = Translated()
        sources = frozenset(source.ref for source in translated.sources)
        for gone in self._sources.get(ref, frozenset()) - sources:
            self._listener.withdraw_source(gone)
        self._sources[ref] = sources
        for source in translated.sources:
            self._listener.declare_source(source)
        if translated.unit is not None:
            self._units.add(ref)
            self._listener.declare(translated.unit)
        elif ref in self._units:
            self._units.discard(ref)
            self._listener.withdraw(ref)

    def _gone(self, ref: ObjectRef) -> None:
        assert self._listener is not None
        for source in self._sources.pop(ref, frozenset()):
            self._listener.withdraw_source(source)
        if ref in self._units:
            self._units.discard(ref)
            self._listener.withdraw(ref)

    def configure(self, configuration: Mapping[str, str]) -> None:
        """Take what is configured for all objects (Argo CD's `argocd-cm`); where it is another, all are read anew."""
        if configuration == self._context.configuration:
            return
        self._context = msgspec.structs.replace(self._context, configuration=dict(configuration))
        if self._listener is None:
            return
        for dialect, kind, feed in self._kinds.values():
            if kind.role is not Role.PROJECT:
                for body in list(feed.items.values()):
                    self._declare(dialect, ObjectRef.of(body), body)

    def _read_changed(self, ref: ObjectRef, body: Body | None) -> None:
        """Have the objects that read another one, which was changed, translated again."""
        if body is None:
            self._others.pop(ref, None)
        else:
            self._others[ref] = body
        for dialect, kind, feed in self._kinds.values():
            if ref[:2] in kind.reads:
                for (namespace, _), reader in list(feed.items.items()):
                    if namespace == ref.namespace:
                        self._declare(dialect, ObjectRef.of(reader), reader)

    def _project_changed(self, ref: ObjectRef, body: Body | None) -> None:
        """Rules for units have changed: all units of that dialect are translated again."""
        projects = dict(self._projects)
        if body is None:
            projects.pop((ref.namespace, ref.name), None)
        else:
            projects[(ref.namespace, ref.name)] = body
        self._projects = projects
        self._context = msgspec.structs.replace(self._context, projects=projects)
        known = self._kinds.get((ref.group, ref.kind))
        if known is None:
            return
        for dialect, kind, feed in self._kinds.values():
            if dialect is known[0] and kind.role is not Role.PROJECT:
                for unit in list(feed.items.values()):
                    self._declare(dialect, ObjectRef.of(unit), unit)


_METADATA = ("uid", "labels", "annotations", "finalizers", "deletionTimestamp")


def _asks(body: Mapping[str, Any], kind: WatchedKind) -> tuple[Any, ...]:
    """Give all of an object but what the server counts, and its status where that asks for nothing."""
    metadata = body.get("metadata") or {}
    left = ("metadata",) if kind.by_status else ("metadata", "status")
    rest = {key: value for key, value in body.items() if key not in left}
    return (rest, *(metadata.get(key) for key in _METADATA))
