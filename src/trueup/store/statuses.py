"""Statuses on users' objects: the latest report wins, progress is held back for a moment, nothing equal is written.

A sync that ends quickly so costs one write. What only shows a new revision on a unit that it did not touch is written
later and in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from trueup.core.dialect import Dialect
from trueup.core.objects import Body, ObjectRef
from trueup.core.ports import Clock, Fenced
from trueup.core.reports import SourceReport, StatusWrite, UnitPhase, UnitReport
from trueup.core.unit import SourceDeclaration, Unit
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Conflict, KubeError, NotFound
from trueup.kube.resource import Resource
from trueup.kube.writes import PatchType, Write
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

WRITERS = 6
PROGRESS_AFTER = 0.7
"""Seconds for which a report of progress is held back: most syncs have ended by then."""

QUIET_AFTER = 1.0
"""Seconds after which a report that changes no standing is written."""

RETRY_AFTER = 1.0

_PROGRESS = frozenset({UnitPhase.WAITING, UnitPhase.RENDERING, UnitPhase.APPLYING, UnitPhase.CHECKING})


@dataclass(slots=True)
class _Latest:
    """The newest version of an object that a write of ours gave."""

    version: int
    body: Body


class StatusWriter:
    """Writes reports as statuses. Implements the `Reports` port."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        clock: Clock,
        body_of: Callable[[ObjectRef], Body | None],
        dialect_of: Callable[[ObjectRef], Dialect | None],
        occupied: Callable[[ObjectRef], str] = lambda ref: "",
    ) -> None:
        """Take a client whose writes are fenced, and where users' objects and their dialects are found.

        `occupied` names the other controller that writes an object's status: it is left to that one.
        """
        self._client = client
        self._mapper = mapper
        self._clock = clock
        self._body_of = body_of
        self._dialect_of = dialect_of
        self._occupied = occupied
        self._units: dict[ObjectRef, UnitReport] = {}
        self._sources: dict[ObjectRef, SourceReport] = {}
        self._latest: dict[ObjectRef, _Latest] = {}
        self._queue: WorkQueue[ObjectRef] = WorkQueue("statuses", self._write, WRITERS)

    def start(self) -> None:
        """Begin to write."""
        self._queue.start()

    async def stop(self) -> None:
        """Stop; what was not written yet is found again after the next start."""
        await self._queue.stop()

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Take note of a unit's latest report."""
        self._units[unit.ref] = report
        if report.phase in _PROGRESS:
            self._queue.add_after(unit.ref, PROGRESS_AFTER)
        elif urgent:
            self._queue.add(unit.ref)
        else:
            self._queue.add_after(unit.ref, QUIET_AFTER, urgent=False)

    def source(self, declaration: SourceDeclaration, report: SourceReport) -> None:
        """Take note of a source's latest report."""
        if declaration.ref in self._units:
            return
        self._sources[declaration.ref] = report
        self._queue.add(declaration.ref)

    async def idle(self) -> None:
        """Wait until nothing is waiting to be written at once."""
        await self._queue.idle()

    async def _write(self, ref: ObjectRef) -> None:
        body, dialect = self._current(ref), self._dialect_of(ref)
        unit, source = self._units.get(ref), self._sources.get(ref)
        if body is None or dialect is None:
            self._forget(ref)
            return
        if self._occupied(ref):
            return
        now = self._clock.wall()
        if unit is not None:
            write = dialect.unit_status(body, unit, now)
        elif source is not None:
            write = dialect.source_status(body, source, now)
        else:
            return
        if write is None:
            return
        patch = write.patch(body)
        if not patch:
            return
        try:
            resource = await self._mapper.of(ref, str(body.get("apiVersion") or "").rpartition("/")[2])
            for part, subresource in _parts(patch, write, resource, body):
                reply = await self._client.patch(
                    resource,
                    ref.name,
                    ref.namespace,
                    part,
                    PatchType.MERGE,
                    Write(manager=write.manager, subresource=subresource),
                )
                version = reply.meta.resource_version
                self._latest[ref] = _Latest(int(version) if version.isdigit() else 0, reply.body)
        except Fenced:
            # Another controller writes it now; should we hold the lease again, everything is reported anew.
            return
        except NotFound:
            self._forget(ref)
        except Conflict:
            # The watch will show what was written in between.
            self._latest.pop(ref, None)
            self._queue.add_after(ref, RETRY_AFTER)
        except KubeError as error:
            log.warning("status not written; trying again", object=str(ref), error=str(error))
            self._queue.add_after(ref, RETRY_AFTER)

    def _current(self, ref: ObjectRef) -> Body | None:
        """Give the newest of what the watch has shown and what our last write gave."""
        body = self._body_of(ref)
        latest = self._latest.get(ref)
        if body is None or latest is None:
            return body
        version = str((body.get("metadata") or {}).get("resourceVersion") or "")
        if version.isdigit() and int(version) >= latest.version:
            del self._latest[ref]
            return body
        return latest.body

    def _forget(self, ref: ObjectRef) -> None:
        self._units.pop(ref, None)
        self._sources.pop(ref, None)
        self._latest.pop(ref, None)


def _parts(
    patch: dict[str, Any], write: StatusWrite, resource: Resource, body: Body
) -> list[tuple[dict[str, Any], str]]:
    """Split a patch into its requests: the status goes to its subresource where there is one."""
    version = (body.get("metadata") or {}).get("resourceVersion")
    rest = {key: value for key, value in patch.items() if key != "status"}
    if rest and version:
        # What is removed must be what was seen: a new request by the user in between must not be lost.
        rest["metadata"] = {**rest.get("metadata", {}), "resourceVersion": version}
    if write.subresource and "status" in resource.subresources:
        parts = [({"status": patch["status"]}, "status")] if "status" in patch else []
        if rest:
            if parts and "metadata" in rest:
                rest["metadata"].pop("resourceVersion", None)
            parts.append((rest, ""))
        return parts
    return [({**rest, **({"status": patch["status"]} if "status" in patch else {})}, "")]
