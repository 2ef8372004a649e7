"""Finalizers on users' objects: set before the first write, removed when nothing is left to clear up."""

from __future__ import annotations

from collections.abc import Callable

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import Unit
from trueup.core.ports import Unreachable
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Conflict, KubeError, NotFound
from trueup.kube.writes import Write

TRIES = 5


class ObjectFinalizers:
    """Adds and removes a unit's finalizer. Implements the `Claims` port."""

    def __init__(self, client: KubeClient, mapper: Mapper, body_of: Callable[[ObjectRef], Body | None]) -> None:
        """Take a client whose writes are fenced, and where users' objects are found."""
        self._client = client
        self._mapper = mapper
        self._body_of = body_of
        self._claimed: dict[ObjectRef, str] = {}

    async def add(self, unit: Unit) -> None:
        """Add the finalizer; one that is there costs no request. Raises `Unreachable`."""
        if self._claimed.get(unit.ref) == unit.uid:
            return
        await self._set(unit, wanted=True)
        self._claimed[unit.ref] = unit.uid

    async def remove(self, unit: Unit) -> None:
        """Remove the finalizer. Raises `Unreachable`."""
        self._claimed.pop(unit.ref, None)
        if unit.finalizer:
            await self._set(unit, wanted=False)

    def forget(self, ref: ObjectRef) -> None:
        """Know no longer that an object has its finalizer."""
        self._claimed.pop(ref, None)

    async def _set(self, unit: Unit, *, wanted: bool) -> None:
        try:
            await self._write(unit, wanted=wanted)
        except KubeError as error:
            raise Unreachable(f"the finalizer of {unit.ref} could not be written: {error}") from error

    async def _write(self, unit: Unit, *, wanted: bool) -> None:
        ref = unit.ref
        resource = await self._mapper.of(ref)
        body = self._body_of(ref)
        for attempt in range(TRIES):
            if body is None or attempt:
                reply = await self._client.find(resource, ref.name, ref.namespace)
                body = reply.body if reply else None
            if body is None:
                return
            metadata = body.get("metadata") or {}
            before = list(metadata.get("finalizers") or [])
            after = [item for item in before if item != unit.finalizer] + ([unit.finalizer] if wanted else [])
            if set(after) == set(before) or (wanted and metadata.get("deletionTimestamp")):
                return
            patch = {"metadata": {"finalizers": after, "resourceVersion": metadata.get("resourceVersion")}}
            try:
                await self._client.patch(
                    resource, ref.name, ref.namespace, patch, write=Write(manager=unit.field_manager)
                )
                return
            except Conflict:
                continue
            except NotFound:
                return
