"""Receivers as users declare them: watched, translated, found by their paths, and told their status.

What a receiver is and what its status says are functions that a dialect brings. Tokens are read through `Values`, and
neither they nor paths stand in a log: a path is as good as its token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import structlog

from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Clock, Fenced, Unreachable, Values
from trueup.core.reports import StatusWrite
from trueup.core.webhook import Receiver, hook_path
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.feed import ObjectFeed
from trueup.kube.writes import PatchType, Write
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

RETRY_AFTER = 5.0
TOKEN_KEY = "token"

Translate: TypeAlias = Callable[[Body], Receiver]
Status: TypeAlias = Callable[[Body, Receiver, str, str, datetime], StatusWrite | None]


class Ready(msgspec.Struct, frozen=True):
    """A receiver that can be called, and its token."""

    receiver: Receiver
    token: bytes

    def __repr__(self) -> str:
        """Name the receiver alone."""
        return f"Ready({self.receiver.ref})"


class Receivers:
    """All receivers of the cluster."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        kind: tuple[str, str],
        translate: Translate,
        status: Status,
        values: Values,
        clock: Clock,
        occupied: Callable[[ObjectRef], str] = lambda ref: "",
    ) -> None:
        """Take a client whose writes are fenced, the group and kind, and what the dialect brings.

        `occupied` names the other controller that works on an object, whose status is left to that one.
        """
        self._client = client
        self._mapper = mapper
        self._translate = translate
        self._status = status
        self._values = values
        self._clock = clock
        self._occupied = occupied
        self._feed = ObjectFeed(client, mapper, *kind)
        self._feed.subscribe(self._changed)
        self._by_path: dict[str, Ready] = {}
        self._paths: dict[ObjectRef, str] = {}
        self._secrets: dict[ObjectRef, ObjectRef] = {}
        self._queue: WorkQueue[ObjectRef] = WorkQueue("receivers", self._look, 2)

    async def start(self) -> None:
        """Begin to watch."""
        self._queue.start()
        self._feed.start()

    async def stop(self) -> None:
        """Stop watching; nobody is found any more."""
        await self._feed.stop()
        await self._queue.stop()
        self._by_path.clear()

    def find(self, path: str) -> Ready | None:
        """Give the receiver of a path, `None` where there is none or it is suspended."""
        return self._by_path.get(path)

    def value_changed(self, ref: ObjectRef) -> None:
        """Read the token again where it lies in this Secret."""
        for receiver, secret in self._secrets.items():
            if secret == ref:
                self._queue.add(receiver)

    def _changed(self, event: str, old: Body | None, new: Body | None) -> None:
        body = new or old
        if body is not None:
            self._queue.add(ObjectRef.of(body))

    async def _look(self, ref: ObjectRef) -> None:
        body = self._feed.get(ref.namespace, ref.name)
        if body is None:
            self._forget(ref)
            self._secrets.pop(ref, None)
            return
        receiver = self._translate(body)
        token, failure = b"", ""
        if receiver.secret is not None:
            self._secrets[ref] = receiver.secret.ref
            token, failure = await self._token(receiver)
        path = hook_path(token, ref) if token and not receiver.problems else ""
        if self._paths.get(ref) != path:
            self._forget(ref)
        if path:
            self._paths[ref] = path
            self._by_path[path] = Ready(receiver, token)
        if not path or receiver.suspended:
            self._by_path.pop(path, None)
        await self._write(ref, body, receiver, path, failure)

    async def _token(self, receiver: Receiver) -> tuple[bytes, str]:
        assert receiver.secret is not None
        where = f"{receiver.secret.namespace}/{receiver.secret.name}"
        try:
            data = await self._values.read("Secret", receiver.secret.namespace, receiver.secret.name)
        except Unreachable as error:
            self._queue.add_after(receiver.ref, RETRY_AFTER)
            return b"", f"unable to read token from secret '{where}': {error}"
        if data is None:
            return b"", f"unable to read token from secret '{where}': there is none; create it with the key 'token'"
        token = data.get(TOKEN_KEY, b"")
        return token, "" if token else f"unable to read token from secret '{where}': it has no key 'token'"

    async def _write(self, ref: ObjectRef, body: Body, receiver: Receiver, path: str, failure: str) -> None:
        if self._occupied(ref):
            return
        write = self._status(body, receiver, path, failure, self._clock.wall())
        patch: dict[str, Any] = write.patch(body) if write is not None else {}
        if write is None or not patch:
            return
        try:
            resource = await self._mapper.of(ref, str(body.get("apiVersion") or "").rpartition("/")[2])
            part = "status" if "status" in resource.subresources else ""
            await self._client.patch(
                resource,
                ref.name,
                ref.namespace,
                patch,
                PatchType.MERGE,
                Write(manager=write.manager, subresource=part),
            )
        except Fenced:
            return
        except KubeError as error:
            log.warning("a receiver's status was not written; trying again", receiver=str(ref), error=str(error))
            self._queue.add_after(ref, RETRY_AFTER)

    def _forget(self, ref: ObjectRef) -> None:
        path = self._paths.pop(ref, "")
        known = self._by_path.get(path)
        if known is not None and known.receiver.ref == ref:
            del self._by_path[path]
