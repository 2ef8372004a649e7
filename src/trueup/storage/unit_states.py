"""`UnitState` objects: what Trueup remembers of each unit, beside the user's object and owned by it.

They are read once, at the start; afterwards this controller is the only writer of their content, and compare-and-swap
on the resource version tells when it is not. People write requests on them (`requests`).
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from trueup.core.model.objects import Body, join_api_version
from trueup.core.model.state import (
    EMPTY_STATE,
    STATE_GROUP,
    STATE_KIND,
    STATE_PLURAL,
    STATE_VERSION,
    UnitState,
    state_name,
)
from trueup.core.model.unit import Unit
from trueup.core.ports import StaleState, Unreachable
from trueup.kube.client import KubeClient
from trueup.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from trueup.kube.resource import Resource

log = structlog.get_logger(__name__)

RESOURCE = Resource(STATE_GROUP, STATE_VERSION, STATE_PLURAL, STATE_KIND, True)


@dataclass(slots=True)
class _Stored:
    version: str
    owner: str
    raw: bytes | None


class _Owner(msgspec.Struct):
    uid: str = ""


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = ""
    owner_references: list[_Owner] = []


class _Shell(msgspec.Struct):
    metadata: _Meta
    state: msgspec.Raw = msgspec.Raw(b"{}")


_SHELL = msgspec.json.Decoder(_Shell)
_STATE = msgspec.json.Decoder(UnitState)


class UnitStates:
    """Reads and writes unit states. Implements the `States` port."""

    def __init__(self, client: KubeClient) -> None:
        """Take a client whose writes are fenced."""
        self._client = client
        self._stored: dict[tuple[str, str], _Stored] = {}

    async def load(self) -> None:
        """Read all that is stored. Raises `KubeError`."""
        async for page in self._client.pages(RESOURCE):
            for raw in page.items:
                self._take(bytes(raw))

    def get(self, unit: Unit) -> UnitState:
        """Give what is remembered of a unit; nothing of one that only bears the same name."""
        stored = self._stored.get(_key(unit))
        if stored is None or stored.owner != unit.uid or stored.raw is None:
            return EMPTY_STATE
        try:
            return _STATE.decode(stored.raw)
        except msgspec.MsgspecError as error:
            log.error("unit state cannot be read and is begun anew", unit=str(unit.ref), error=str(error))
            return EMPTY_STATE
        finally:
            stored.raw = None

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Write it if nobody else did since it was read. Raises `StaleState`, `Unreachable`."""
        key = _key(unit)
        stored = self._stored.get(key)
        body = _body(unit, state)
        try:
            if stored is None:
                reply = await self._client.create(RESOURCE, body, unit.ref.namespace)
            else:
                body["metadata"]["resourceVersion"] = stored.version
                reply = await self._client.replace(RESOURCE, body)
        except (AlreadyExists, Conflict, NotFound) as error:
            await self._read_again(unit)
            raise StaleState(f"the state of {unit.ref} was written by somebody else") from error
        except KubeError as error:
            raise Unreachable(f"the state of {unit.ref} could not be stored: {error}") from error
        self._stored[key] = _Stored(reply.meta.resource_version, unit.uid, None)

    async def drop(self, unit: Unit) -> None:
        """Remove it."""
        if self._stored.pop(_key(unit), None) is not None:
            try:
                await self._client.delete(RESOURCE, state_name(unit.ref), unit.ref.namespace)
            except KubeError as error:
                raise Unreachable(f"the state of {unit.ref} could not be removed: {error}") from error

    def touched(self, body: Body) -> None:
        """Take note that somebody has written a request on a state, which changes nothing of its content."""
        meta = body["metadata"]
        stored = self._stored.get((str(meta.get("namespace") or ""), str(meta["name"])))
        if stored is not None:
            stored.version = str(meta["resourceVersion"])

    def forget(self, unit: Unit) -> None:
        """Let go of what is known of a unit that is gone; the object itself goes with its owner."""
        self._stored.pop(_key(unit), None)

    async def _read_again(self, unit: Unit) -> None:
        try:
            reply = await self._client.find(RESOURCE, state_name(unit.ref), unit.ref.namespace)
        except KubeError as error:
            raise Unreachable(f"the state of {unit.ref} could not be read: {error}") from error
        if reply is None:
            self._stored.pop(_key(unit), None)
        else:
            self._take(bytes(reply.raw))

    def _take(self, raw: bytes) -> None:
        shell = _SHELL.decode(raw)
        meta = shell.metadata
        owner = meta.owner_references[0].uid if meta.owner_references else ""
        self._stored[(meta.namespace, meta.name)] = _Stored(meta.resource_version, owner, bytes(shell.state))


def _key(unit: Unit) -> tuple[str, str]:
    return unit.ref.namespace, state_name(unit.ref)


def _body(unit: Unit, state: UnitState) -> Body:
    owner = {
        "apiVersion": join_api_version(unit.ref.group, unit.version),
        "kind": unit.ref.kind,
        "name": unit.ref.name,
        "uid": unit.uid,
    }
    return {
        "apiVersion": join_api_version(STATE_GROUP, STATE_VERSION),
        "kind": STATE_KIND,
        "metadata": {"name": state_name(unit.ref), "namespace": unit.ref.namespace, "ownerReferences": [owner]},
        "state": msgspec.to_builtins(state),
    }
