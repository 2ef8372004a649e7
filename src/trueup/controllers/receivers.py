"""Receivers as users declare them: found by their paths, with their tokens.

Tokens are read through `Values`, and neither they nor paths stand in a log: a path is as good as its token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import msgspec

from trueup.controllers.kinds import RETRY_AFTER, Kind, KindController
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.core.model.webhook import Receiver, hook_path
from trueup.core.ports import Clock, Unreachable, Values
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper

TOKEN_KEY = "token"

Status: TypeAlias = Callable[[Body, Receiver, str, str, datetime], StatusWrite | None]


class Ready(msgspec.Struct, frozen=True):
    """A receiver that can be called, and its token."""

    receiver: Receiver
    token: bytes

    def __repr__(self) -> str:
        """Name the receiver alone."""
        return f"Ready({self.receiver.ref})"


class ReceiverKind(msgspec.Struct, frozen=True):
    """What a dialect brings: the kind, and the status for an object, its receiver, path, failure and the time."""

    kind: Kind[Receiver]
    status: Status


class Receivers:
    """All receivers of the cluster. Implements `Handler` for its kind."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        declared: ReceiverKind,
        values: Values,
        clock: Clock,
        managed_by: Callable[[ObjectRef], str] = lambda ref: "",
    ) -> None:
        """Take a client whose writes are fenced. `managed_by` names the other controller that works on an object."""
        self._status = declared.status
        self._values = values
        self._clock = clock
        self._by_path: dict[str, Ready] = {}
        self._paths: dict[ObjectRef, str] = {}
        self._secrets: dict[ObjectRef, ObjectRef] = {}
        self._objects = KindController(client, mapper, declared.kind, self, managed_by)

    async def start(self) -> None:
        """Begin to watch."""
        await self._objects.start()

    async def stop(self) -> None:
        """Stop watching; nobody is found any more."""
        await self._objects.stop()
        self._by_path.clear()

    def find(self, path: str) -> Ready | None:
        """Give the receiver of a path, `None` where there is none or it is suspended."""
        return self._by_path.get(path)

    def value_changed(self, ref: ObjectRef) -> None:
        """Read the token again where it lies in this Secret."""
        for receiver, secret in self._secrets.items():
            if secret == ref:
                self._objects.requeue(receiver)

    def changed(self, ref: ObjectRef, item: Receiver) -> None:
        """Do nothing yet: its token is read first."""

    def gone(self, ref: ObjectRef) -> None:
        """Forget a receiver's path."""
        self._forget(ref)
        self._secrets.pop(ref, None)

    async def reconcile(self, ref: ObjectRef, body: Body, item: Receiver) -> StatusWrite | None:
        """Read the token, and be found by the path that it gives; gives the receiver's status."""
        token, failure = b"", ""
        if item.secret is not None:
            self._secrets[ref] = item.secret.ref
            token, failure = await self._token(item)
        if self._objects.get(ref) is None:
            self.gone(ref)
            return None
        path = hook_path(token, ref) if token and not item.problems else ""
        if self._paths.get(ref) != path:
            self._forget(ref)
        if path:
            self._paths[ref] = path
            self._by_path[path] = Ready(item, token)
        if not path or item.suspended:
            self._by_path.pop(path, None)
        return self._status(body, item, path, failure, self._clock.wall())

    async def _token(self, receiver: Receiver) -> tuple[bytes, str]:
        assert receiver.secret is not None
        where = f"{receiver.secret.namespace}/{receiver.secret.name}"
        try:
            data = await self._values.read("Secret", receiver.secret.namespace, receiver.secret.name)
        except Unreachable as error:
            self._objects.requeue(receiver.ref, RETRY_AFTER)
            return b"", f"unable to read token from secret '{where}': {error}"
        if data is None:
            return b"", f"unable to read token from secret '{where}': there is none; create it with the key 'token'"
        token = data.get(TOKEN_KEY, b"")
        return token, "" if token else f"unable to read token from secret '{where}': it has no key 'token'"

    def _forget(self, ref: ObjectRef) -> None:
        path = self._paths.pop(ref, "")
        known = self._by_path.get(path)
        if known is not None and known.receiver.ref == ref:
            del self._by_path[path]
