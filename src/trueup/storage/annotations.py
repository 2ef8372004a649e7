"""Small notes on users' objects: one annotation at a time, written by whoever upstream writes it."""

from __future__ import annotations

from trueup.core.model.objects import ObjectRef
from trueup.core.ports import Unreachable
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError, NotFound
from trueup.kube.writes import PatchType, Write


class Annotations:
    """Writes annotations."""

    def __init__(self, client: KubeClient, mapper: Mapper, manager: str) -> None:
        """Take a client whose writes are fenced, and the field manager to write as."""
        self._client = client
        self._mapper = mapper
        self._manager = manager

    async def mark(self, ref: ObjectRef, annotation: str, value: str | None) -> None:
        """Set an annotation, or remove it (`None`). An object that is gone is left so. Raises `Unreachable`."""
        try:
            resource = await self._mapper.of(ref)
            patch = {"metadata": {"annotations": {annotation: value}}}
            await self._client.patch(
                resource, ref.name, ref.namespace, patch, PatchType.MERGE, Write(manager=self._manager)
            )
        except NotFound:
            return
        except KubeError as error:
            raise Unreachable(f"{annotation} could not be written on {ref}: {error}") from error
