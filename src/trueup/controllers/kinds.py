"""The loop under every kind that is no unit and no source: watched, translated, reconciled, and given its status.

What a kind is stands in a `Kind`, which a dialect brings; what is done with its objects in a `Handler`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.core.ports import Fenced
from trueup.kube.cache.informer import ObjectFeed
from trueup.kube.cache.watch import Selection
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.statuses import patch_status
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

RETRY_AFTER = 5.0
"""Seconds until a status that could not be written is tried again."""

WORKERS = 2

Item = TypeVar("Item")
_Handled = TypeVar("_Handled", contravariant=True)


class Kind(Generic[Item]):
    """A kind of users' objects: its API group and name, and how an object is read. Reading must not raise."""

    def __init__(self, group: str, kind: str, translate: Callable[[Body], Item]) -> None:
        """Take what a dialect brings."""
        self.group = group
        self.kind = kind
        self.translate = translate


class Handler(Protocol[_Handled]):
    """What is done with a kind's objects."""

    def changed(self, ref: ObjectRef, item: _Handled) -> None:
        """An object is new or another. Called at once; must not wait."""
        ...

    def gone(self, ref: ObjectRef) -> None:
        """An object is gone."""
        ...

    async def reconcile(self, ref: ObjectRef, body: Body, item: _Handled) -> StatusWrite | None:
        """Do what the object asks for; gives the status that it shall have, `None` to leave it as it is."""
        ...


class KindController(Generic[Item]):
    """All objects of one kind. `managed_by` names the other controller that works on an object: it is left alone."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        kind: Kind[Item],
        handler: Handler[Item],
        managed_by: Callable[[ObjectRef], str] = lambda ref: "",
    ) -> None:
        """Take a client whose writes are fenced. Nothing is asked before `start`."""
        self._client = client
        self._mapper = mapper
        self._kind = kind
        self._handler = handler
        self._managed_by = managed_by
        self._items: dict[ObjectRef, Item] = {}
        self._feed = ObjectFeed(client, mapper, Selection(kind.group, kind.kind))
        self._feed.subscribe(self._changed)
        self._queue: WorkQueue[ObjectRef] = WorkQueue(
            kind.kind.lower(), self._reconcile, WORKERS, tenant_of=lambda ref: ref.namespace
        )

    async def start(self, timeout: float = 0.0) -> None:
        """Begin to watch, and wait until the kind was listed, at most so many seconds."""
        self._queue.start()
        self._feed.start()
        if timeout:
            await self._feed.wait_synced(timeout)

    async def stop(self) -> None:
        """Stop watching."""
        await self._feed.stop()
        await self._queue.stop()

    def get(self, ref: ObjectRef) -> Item | None:
        """Give an object as it was read, `None` where there is none of that name."""
        return self._items.get(ref)

    def all(self) -> tuple[Item, ...]:
        """Give all objects."""
        return tuple(self._items.values())

    def requeue(self, ref: ObjectRef, after: float = 0.0) -> None:
        """Have an object reconciled again, in so many seconds."""
        self._queue.add_after(ref, after)

    def _changed(self, event: str, old: Body | None, new: Body | None) -> None:
        body = new or old
        if body is None:
            return
        ref = ObjectRef.of(body)
        if new is None:
            self._items.pop(ref, None)
            self._queue.forget(ref)
            self._handler.gone(ref)
            return
        item = self._items[ref] = self._kind.translate(new)
        self._handler.changed(ref, item)
        self._queue.add(ref)

    async def _reconcile(self, ref: ObjectRef) -> None:
        item, body = self._items.get(ref), self._feed.get(ref.namespace, ref.name)
        if item is None or body is None:
            return
        status = await self._handler.reconcile(ref, body, item)
        if status is None or self._managed_by(ref):
            return
        try:
            await patch_status(self._client, self._mapper, ref, body, status)
        except Fenced:
            return
        except KubeError as error:
            log.warning("a status was not written; trying again", object=str(ref), error=str(error))
            self._queue.add_after(ref, RETRY_AFTER)
