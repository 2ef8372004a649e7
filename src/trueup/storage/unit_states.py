"""`UnitState` objects: what Trueup remembers of each unit, beside the user's object and owned by it.

They are read once, at the start; afterwards this controller is the only writer of their content, and compare-and-swap
on the resource version tells when it is not. People write requests on them (`requests`).

Each is signed (`signatures`), because people with rights in its namespace can write it: what bears no valid signature
is not believed. Each bears a finalizer: neither Kubernetes' garbage collector nor a person's `kubectl delete` takes
away what a unit owns while that is still needed. One that was removed all the same is made anew from memory with the
next write.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import msgspec
import structlog

from trueup.core.model.objects import Body, Inventory, InventoryEntry, join_api_version
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
from trueup.kube.resource import Reply, Resource
from trueup.kube.writes import Write
from trueup.storage.signatures import SIGNATURE, Signer, StateKeys
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

FINALIZER = "trueup.dev/unit-state"
MANAGER = "trueup"
CREATE_TRIES = 5
RETRY_AFTER = 5.0

RESOURCE = Resource(STATE_GROUP, STATE_VERSION, STATE_PLURAL, STATE_KIND, True)


SIGNED_AT_ONCE = 16


@dataclass(slots=True)
class _Stored:
    """What is known of one record. `held`: it bears our finalizer. `deleting`: somebody has asked that it go."""

    version: str
    owner: str
    raw: bytes | None
    held: bool = False
    deleting: bool = False
    signature: str = ""


class _Owner(msgspec.Struct):
    uid: str = ""


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    namespace: str = ""
    resource_version: str = ""
    owner_references: list[_Owner] = []
    finalizers: list[str] = []
    deletion_timestamp: str | None = None
    annotations: dict[str, str] = {}


class _Shell(msgspec.Struct):
    metadata: _Meta
    state: msgspec.Raw = msgspec.Raw(b"{}")


_SHELL = msgspec.json.Decoder(_Shell)
_STATE = msgspec.json.Decoder(UnitState)


class UnitStates:
    """Reads and writes unit states. Implements the `States` port."""

    def __init__(self, client: KubeClient, keys: StateKeys) -> None:
        """Take a client whose writes are fenced, and where the key of signatures lies."""
        self._client = client
        self._keys = keys
        self._signer = Signer(b"")
        self._stored: dict[tuple[str, str], _Stored] = {}
        self.queue: WorkQueue[tuple[str, str]] = WorkQueue("unit states", self._work, 2, tenant_of=lambda key: key[0])

    async def start(self) -> None:
        """Read all that is stored, and begin to let go of what is to go. Raises `KubeError`, `Unreachable`."""
        await self.load()
        first = not any(stored.signature for stored in self._stored.values())
        self._signer, unsigned = await self._keys.read(first=first)
        if unsigned:
            await self._sign_all()
        self.queue.start()

    async def stop(self) -> None:
        """Stop."""
        await self.queue.stop()

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
        raw, stored.raw = stored.raw, None
        try:
            state = _STATE.decode(raw)
        except msgspec.MsgspecError as error:
            log.error("unit state cannot be read and is begun anew", unit=str(unit.ref), error=str(error))
            return EMPTY_STATE
        namespace, name = _key(unit)
        if self._signer.signed(stored.signature, name, namespace, unit.uid, msgspec.json.decode(raw)):
            return state
        log.error("unit state was not written by this controller and is not believed", unit=str(unit.ref))
        return _not_believed(state)

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Write it if nobody else did since it was read. Raises `StaleState`, `Unreachable`."""
        key = _key(unit)
        stored = self._stored.get(key)
        body = self._body(unit, state)
        try:
            if stored is None:
                reply = await self._client.create(RESOURCE, body, unit.ref.namespace)
            elif stored.deleting and not unit.deleting:
                reply = await self._made_anew(unit, body)
            else:
                body["metadata"]["resourceVersion"] = stored.version
                if stored.deleting:
                    body["metadata"]["finalizers"] = [FINALIZER] if stored.held else []
                reply = await self._replaced(unit, body)
        except (AlreadyExists, Conflict) as error:
            await self._read_again(unit)
            raise StaleState(f"the state of {unit.ref} was written by somebody else") from error
        except KubeError as error:
            raise Unreachable(f"the state of {unit.ref} could not be stored: {error}") from error
        self._stored[key] = _Stored(
            reply.meta.resource_version,
            unit.uid,
            None,
            held=FINALIZER in (reply.meta.finalizers or ()),
            deleting=reply.meta.deletion_timestamp is not None,
        )

    async def _replaced(self, unit: Unit, body: Body) -> Reply:
        try:
            return await self._client.replace(RESOURCE, body)
        except NotFound:
            # Somebody has removed it, by force: what is in memory is the truth.
            log.warning("a unit's state was removed; it is stored anew", unit=str(unit.ref))
            del body["metadata"]["resourceVersion"]
            return await self._client.create(RESOURCE, body, unit.ref.namespace)

    async def _made_anew(self, unit: Unit, body: Body) -> Reply:
        """Let a record go that somebody has deleted, and put another in its place at once."""
        log.warning("a unit's state was deleted; it is made anew", unit=str(unit.ref))
        await self._let_go(*_key(unit))
        for attempt in range(CREATE_TRIES):
            try:
                return await self._client.create(RESOURCE, body, unit.ref.namespace)
            except AlreadyExists:
                if attempt == CREATE_TRIES - 1:
                    raise
        raise AssertionError("the last attempt raises")

    async def _let_go(self, namespace: str, name: str) -> None:
        """Remove our finalizer from a record, so that it can go; others' stay."""
        reply = await self._client.find(RESOURCE, name, namespace)
        if reply is None:
            return
        others = [item for item in reply.meta.finalizers or () if item != FINALIZER]
        metadata = {"finalizers": others, "resourceVersion": reply.meta.resource_version}
        with contextlib.suppress(NotFound):
            await self._client.patch(RESOURCE, name, namespace, {"metadata": metadata}, write=Write(manager=MANAGER))

    async def drop(self, unit: Unit) -> None:
        """Remove it."""
        stored = self._stored.pop(_key(unit), None)
        if stored is None:
            return
        try:
            if stored.held:
                await self._let_go(*_key(unit))
            if not stored.deleting:
                await self._client.delete(RESOURCE, state_name(unit.ref), unit.ref.namespace)
        except KubeError as error:
            self._stored[_key(unit)] = stored
            raise Unreachable(f"the state of {unit.ref} could not be removed: {error}") from error

    def touched(self, body: Body) -> None:
        """Take note that somebody has written a request on a state, which changes nothing of its content."""
        meta = body["metadata"]
        stored = self._stored.get((str(meta.get("namespace") or ""), str(meta["name"])))
        if stored is not None:
            stored.version = str(meta["resourceVersion"])

    def forget(self, unit: Unit) -> None:
        """Let go of what is known of a unit that is gone: its record goes with it."""
        stored = self._stored.get(_key(unit))
        if stored is not None and stored.owner == unit.uid:
            self._stored.pop(_key(unit))
            if stored.held:
                self.queue.add(_key(unit))

    def sweep(self, uids: frozenset[str]) -> None:
        """Let the records go whose units are gone; `uids` are those of all that are declared, without exception."""
        for key, stored in list(self._stored.items()):
            if stored.owner not in uids:
                del self._stored[key]
                if stored.held:
                    self.queue.add(key)

    async def _work(self, key: tuple[str, str]) -> None:
        if key in self._stored:
            # Another unit of the same name has come meanwhile, and has written its own.
            return
        try:
            await self._let_go(*key)
        except KubeError as error:
            log.warning("a unit's state could not be let go; trying again", state="/".join(key), error=str(error))
            self.queue.add_after(key, RETRY_AFTER)

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
        self._stored[(meta.namespace, meta.name)] = _Stored(
            meta.resource_version,
            owner,
            bytes(shell.state),
            held=FINALIZER in meta.finalizers,
            deleting=meta.deletion_timestamp is not None,
            signature=meta.annotations.get(SIGNATURE, ""),
        )

    async def _sign_all(self) -> None:
        """Sign what was stored before there were signatures."""
        turns = asyncio.Semaphore(SIGNED_AT_ONCE)

        async def sign(key: tuple[str, str], stored: _Stored) -> None:
            if stored.signature or stored.raw is None:
                return
            (namespace, name), state = key, msgspec.json.decode(stored.raw)
            signature = self._signer.sign(name, namespace, stored.owner, state)
            patch = {"metadata": {"annotations": {SIGNATURE: signature}, "resourceVersion": stored.version}}
            async with turns:
                # One that was written meanwhile was not written by us: it is not believed.
                with contextlib.suppress(NotFound, Conflict):
                    reply = await self._client.patch(RESOURCE, name, namespace, patch, write=Write(manager=MANAGER))
                    stored.version, stored.signature = reply.meta.resource_version, signature

        await asyncio.gather(*(sign(key, stored) for key, stored in self._stored.items()))
        await self._keys.all_signed()

    def _body(self, unit: Unit, state: UnitState) -> Body:
        body = _body(unit, state)
        # As it is read again: what is left out there must not be signed here.
        written = msgspec.json.decode(msgspec.json.encode(body["state"]))
        namespace, name = _key(unit)
        body["metadata"]["annotations"] = {SIGNATURE: self._signer.sign(name, namespace, unit.uid, written)}
        return body


def _not_believed(state: UnitState) -> UnitState:
    """Give what is left of a state that somebody else has written: names of objects, which count by their marks."""
    entries = (InventoryEntry(*entry.ref, entry.version) for entry in state.inventory.entries)
    return UnitState(inventory=Inventory.of(entries))


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
        "metadata": {
            "name": state_name(unit.ref),
            "namespace": unit.ref.namespace,
            "ownerReferences": [owner],
            "finalizers": [FINALIZER],
        },
        "state": msgspec.to_builtins(state),
    }
