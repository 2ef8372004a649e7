"""`trueup get`: every unit and source of both dialects in one table, once or as they change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import typer

from trueup.cli.connection import connected
from trueup.cli.options import Form, View
from trueup.cli.tables import ESSENTIAL, Column, Cut, Stream, age, short, show, show_data
from trueup.cli.tables.kinds import HEALTH_TONES, brief_kind
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.dialects.source_summary import origin, url_of
from trueup.dialects.status_summary import standing
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import FeedState, Selection
from trueup.kube.errors import Forbidden, KubeError
from trueup.queries.objects import Objects, written

COLUMNS = (
    Column("KIND", identifies=True, brief=brief_kind),
    Column("NAMESPACE", ESSENTIAL, Cut.NAME, 12, identifies=True),
    Column("NAME", ESSENTIAL + 1, Cut.NAME, 24, identifies=True),
    Column("READY", tones={"True": "green", "False": "red", "Unknown": "yellow"}),
    Column("SYNC", 6, tones={"OutOfSync": "yellow"}),
    Column("HEALTH", 7, tones=HEALTH_TONES),
    Column("REVISION", 5, Cut.NAME, 8, brief=lambda revision: revision.rpartition("@")[2]),
    Column("AGE", 3),
    Column("CHANGED", wide=True),
    Column("SOURCE", wide=True),
    Column("PATH", wide=True),
    Column("MESSAGE", 9, Cut.TEXT, 16),
)
_ROLES = {"": Role.UNIT, "unit": Role.UNIT, "units": Role.UNIT, "source": Role.SOURCE, "sources": Role.SOURCE}

Urls = Mapping[ObjectRef, str]


async def get(where: Where, what: str, view: View, watch: bool, *, headings: bool = True) -> None:
    """Show units (`units`), sources (`sources`), or one of either by name; with `watch`, every change until Ctrl-C."""
    namespace = where.namespace
    async with connected(where) as cluster:
        role = _ROLES.get(what)
        one = ObjectRef.of(await cluster.named(what, namespace, (Role.UNIT, Role.SOURCE))) if role is None else None
        if watch:
            await _Watching(cluster, view, headings).run(role, one, namespace)
            return
        if role is not None:
            bodies = await cluster.objects(role, namespace)
        else:
            bodies = [await cluster.named(what, namespace, (Role.UNIT, Role.SOURCE))]
        known = {} if view in (View.TABLE, View.NAME) else await _known_urls(cluster, namespace)
        owner = await cluster.left_to()
    if view is View.NAME:
        for body in bodies:
            typer.echo(written(ObjectRef.of(body)))
        return
    rows = [_row(body, known, owner(body)) for body in bodies]
    data = [_data(body, known, owner(body)) for body in bodies]
    nothing = "nothing is declared" + (f" in namespace {namespace}" if namespace else "")
    show(Form(view.value), data, COLUMNS, rows, nothing, headings=headings)


class _Watching:
    """Prints each object when it is first seen, and again when what is shown of it has changed."""

    def __init__(self, cluster: Objects, view: View, headings: bool) -> None:
        self._cluster = cluster
        self._view = view
        self._sources: dict[ObjectRef, str] = {}
        self._shown: dict[ObjectRef, dict[str, Any]] = {}
        # Of an object that changes faster than it can be printed, only the newest is kept.
        self._changed: dict[ObjectRef, tuple[Body, bool]] = {}
        self._lost: KubeError | None = None
        self._wake = asyncio.Event()
        self._stream = Stream(COLUMNS, wide=view is View.WIDE)
        self._headings = headings
        self._owner: Callable[[Body], str] = lambda body: ""

    async def run(self, role: Role | None, one: ObjectRef | None, namespace: str) -> None:
        """Print until cancelled. Raises `KubeError` where the objects cannot be listed."""
        cluster = self._cluster
        self._owner = await cluster.left_to()
        if self._view not in (View.TABLE, View.NAME):
            self._sources = await _known_urls(cluster, namespace)
        if one is not None:
            only = f"metadata.name={one.name}"
            feeds = [self._feed(one.group, one.kind, one.namespace, only)]
        else:
            feeds = [self._feed(kind.group, kind.kind, namespace, "") for kind in cluster.kinds(role)]
        try:
            await self._first(feeds)
            while True:
                await self._wake.wait()
                self._wake.clear()
                self._tell()
        finally:
            await asyncio.gather(*(feed.stop() for feed in feeds))

    def _feed(self, group: str, kind: str, namespace: str, selector: str) -> ObjectFeed:
        feed = ObjectFeed(
            self._cluster.client,
            self._cluster.mapper,
            Selection(group, kind, namespace, selectors={"fieldSelector": selector} if selector else {}),
        )
        feed.subscribe(self._take)
        feed.on_state(self._state)
        feed.start()
        return feed

    async def _first(self, feeds: Sequence[ObjectFeed]) -> None:
        """Wait until all is listed, so that columns are as wide as what stands there, and rows in order."""
        while not all(feed.synced.is_set() for feed in feeds):
            await self._wake.wait()
            self._wake.clear()
            if self._lost is not None and not self._lost.retriable:
                raise self._lost
        if self._view in (View.TABLE, View.WIDE):
            bodies = [body for body, _ in self._changed.values()]
            rows = [_row(body, self._sources, self._owner(body)) for body in bodies]
            self._stream.begin(rows, headings=self._headings)
        self._tell()

    def _take(self, event: str, old: Body | None, new: Body | None) -> None:
        body = new or old or {}
        self._changed[ObjectRef.of(body)] = (body, new is None)
        self._wake.set()

    def _state(self, state: FeedState, error: KubeError | None) -> None:
        self._lost = error if state is FeedState.UNKNOWN else None
        self._wake.set()

    def _tell(self) -> None:
        if self._lost is not None:
            typer.echo(f"warning: {self._lost}; changes are shown when the cluster answers again", err=True)
            self._lost = None
        changed, self._changed = self._changed, {}
        for ref in sorted(changed):
            self._print(ref, *changed[ref])

    def _print(self, ref: ObjectRef, body: Body, gone: bool) -> None:
        if url := url_of(body):
            self._sources[ref] = url
        data = _data(body, self._sources, self._owner(body))
        if not gone and self._shown.get(ref) == data:
            return
        self._shown[ref] = data
        if gone:
            del self._shown[ref]
        if self._view is View.NAME:
            typer.echo(written(ref))
        elif self._view is View.JSON:
            typer.echo(msgspec.json.encode({**data, "deleted": gone}))
        elif self._view is View.YAML:
            show_data(Form.YAML, {**data, "deleted": gone})
            typer.echo("---")
        else:
            row = _row(body, self._sources, self._owner(body))
            self._stream.row((*row[:-1], "deleted") if gone else row)


def _urls(bodies: Iterable[Body]) -> dict[ObjectRef, str]:
    return {ObjectRef.of(body): url for body in bodies if (url := url_of(body))}


async def _known_urls(cluster: Objects, namespace: str) -> dict[ObjectRef, str]:
    """Give the URLs of sources; who may not list them everywhere is told the names of those elsewhere."""
    for where in dict.fromkeys(("", namespace)):
        try:
            return _urls(await cluster.objects(Role.SOURCE, where))
        except Forbidden:
            continue
    return {}


def _data(body: Body, urls: Urls, left_to: str = "") -> dict[str, Any]:
    ref, found, came = ObjectRef.of(body), standing(body), origin(body, urls)
    return {
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "ready": found.ready,
        "sync": found.sync,
        "health": found.health,
        "revision": found.revision,
        "suspended": found.suspended,
        "message": found.message,
        "source": came.source,
        "path": came.path,
        "changed": came.changed,
        "controller": left_to,
    }


def _row(body: Body, urls: Urls, left_to: str = "") -> tuple[str, ...]:
    ref, found = ObjectRef.of(body), standing(body)
    # A status may hold more than a line.
    message = "suspended" if found.suspended else " ".join(found.message.split())
    if left_to:
        message = f"left to {left_to}" + (f": {message}" if message else "")
    created = age(str(body["metadata"].get("creationTimestamp") or ""))
    state = (found.ready, found.sync, found.health, short(found.revision), created)
    came = origin(body, urls)
    return (ref.kind, ref.namespace, ref.name, *state, age(came.changed), came.source, came.path, message)
