"""Statuses on users' objects: the latest report wins, progress is held back for a moment, nothing equal is written.

A sync that ends quickly so costs one write. What only shows a new revision on a unit that it did not touch is written
later and in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from trueup.core.model.dialect import Dialect
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import SourceReport, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.ports import Clock, Fenced
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Conflict, KubeError, NotFound
from trueup.kube.statuses import patch_status
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
        managed_by: Callable[[ObjectRef], str] = lambda ref: "",
    ) -> None:
        """Take a client whose writes are fenced, and where users' objects and their dialects are found.

        `managed_by` names the other controller that writes an object's status: it is left to that one.
        """
        self._client = client
        self._mapper = mapper
        self._clock = clock
        self._body_of = body_of
        self._dialect_of = dialect_of
        self.managed_by = managed_by
        self._units: dict[ObjectRef, UnitReport] = {}
        self._tenants: dict[ObjectRef, str] = {}
        self._sources: dict[ObjectRef, SourceReport] = {}
        self._latest: dict[ObjectRef, _Latest] = {}
        self._queue: WorkQueue[ObjectRef] = WorkQueue("statuses", self._write, WRITERS, tenant_of=self._tenant)

    def start(self) -> None:
        """Begin to write."""
        self._queue.start()

    async def stop(self) -> None:
        """Stop; what was not written yet is found again after the next start."""
        await self._queue.stop()

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Take note of a unit's latest report."""
        self._units[unit.ref] = report
        self._tenants[unit.ref] = unit.tenant
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
        self._tenants[declaration.ref] = declaration.tenant
        self._queue.add(declaration.ref)

    async def idle(self) -> None:
        """Wait until nothing is waiting to be written at once."""
        await self._queue.idle()

    async def flush(self) -> None:
        """Write what is held back, and wait until nothing is waiting to be written."""
        self._queue.hasten()
        await self._queue.idle()

    async def _write(self, ref: ObjectRef) -> None:
        body, dialect = self._current(ref), self._dialect_of(ref)
        unit, source = self._units.get(ref), self._sources.get(ref)
        if body is None or dialect is None:
            self._forget(ref)
            return
        if self.managed_by(ref):
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
        try:
            reply = await patch_status(self._client, self._mapper, ref, body, write)
            if reply is not None:
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

    def _tenant(self, ref: ObjectRef) -> str:
        return self._tenants.get(ref, ref.namespace)

    def _forget(self, ref: ObjectRef) -> None:
        self._units.pop(ref, None)
        self._sources.pop(ref, None)
        self._tenants.pop(ref, None)
        self._latest.pop(ref, None)
