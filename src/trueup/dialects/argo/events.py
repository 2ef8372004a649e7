"""The events on an Application, with the reasons, types and words of Argo CD's application controller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import Event, SyncEnded, SyncStarted, UnitChanged
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import UnitPhase, UnitReport
from trueup.core.notification.object_events import SYNC, ObjectEvent
from trueup.dialects.argo.application.status import error_conditions, health_word, sync_word
from trueup.dialects.sync_options import commit_of

COMPONENT = "argocd-application-controller"
STARTED, COMPLETED = "OperationStarted", "OperationCompleted"
UPDATED, REFRESHED = "ResourceUpdated", "StatusRefreshed"


def application_events(event: Event) -> Iterable[ObjectEvent]:
    """Say what an event of the engine is on an Application."""
    match event:
        case SyncStarted():
            return _started(event)
        case SyncEnded():
            return _ended(event.unit.ref, event.record)
        case UnitChanged():
            return _changed(event)
    return ()


def _started(event: SyncStarted) -> Iterator[ObjectEvent]:
    if event.resumed or event.cause is Cause.DELETE:
        return
    commit, who = commit_of(event.revision), event.initiator or "Unknown user"
    said = {
        Cause.REQUEST: f"{who} initiated sync to '{commit}'",
        Cause.PIN: f"{who} initiated rollback to '{commit}'",
        Cause.RETURN: f"Initiated automated rollback to '{commit}'",
    }
    yield _event(event.unit.ref, STARTED, said.get(event.cause, f"Initiated automated sync to '{commit}'"), event.sync)


def _ended(ref: ObjectRef, record: DeploymentRecord) -> Iterator[ObjectEvent]:
    if record.cause is Cause.DELETE:
        if record.ending is Ending.FAILED:
            yield _warning(ref, REFRESHED, f"Unable to delete application resources: {record.message}", record.id)
        return
    if not record.inputs:
        # It never was an operation: what could not be rendered is a condition, which the report tells.
        return
    commit = commit_of(record.revision)
    healing = record.cause is Cause.HEAL
    what = "Partial sync operation" if healing else "Sync operation"
    if healing or record.ending is Ending.REFUSED:
        # What begins without notice, or is refused before it has begun, is told whole when it has ended.
        yield _event(ref, STARTED, f"Initiated automated sync to '{commit}'", record.id)
    if record.ending is Ending.GOOD:
        yield _event(ref, COMPLETED, f"{what} to {commit} succeeded", record.id)
    else:
        yield _warning(ref, COMPLETED, f"{what} to {commit} failed: {record.message}", record.id)


def _changed(event: UnitChanged) -> Iterator[ObjectEvent]:
    before, after, ref = event.before, event.after, event.unit.ref
    if before is None or _elsewhere(before) or _elsewhere(after):
        # The first report after a start is no news by itself.
        return
    for word, was, now in (
        ("sync", sync_word(before), sync_word(after)),
        ("health", health_word(before, ""), health_word(after, health_word(before, ""))),
    ):
        if was != now:
            yield _event(ref, UPDATED, f"Updated {word} status: {was} -> {now}")
    known = set(error_conditions(before))
    for kind, message in error_conditions(after):
        if (kind, message) not in known:
            yield _warning(ref, REFRESHED, f"{kind}: {message}", echo=kind == "SyncError")


def _elsewhere(report: UnitReport) -> bool:
    return report.phase is UnitPhase.OBSERVED


def _event(ref: ObjectRef, reason: str, message: str, sync: str = "") -> ObjectEvent:
    return ObjectEvent(ref, False, reason, message, COMPONENT, ((SYNC, sync),) if sync else ())


def _warning(ref: ObjectRef, reason: str, message: str, sync: str = "", *, echo: bool = False) -> ObjectEvent:
    return ObjectEvent(ref, True, reason, message, COMPONENT, ((SYNC, sync),) if sync else (), echo)
