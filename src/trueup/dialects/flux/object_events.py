"""The events on Flux' objects, with the reasons, types, annotations and component names of Flux' controllers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trueup.core.model.deployment_record import Cause
from trueup.core.model.events import Event, SourceChanged, SyncEnded, UnitChanged
from trueup.core.model.reports import Reason, UnitPhase, UnitReport
from trueup.core.notification.notification import NotificationEvent, Severity
from trueup.core.notification.object_events import SYNC, ObjectEvent
from trueup.dialects.flux.conditions import PROGRESSING
from trueup.dialects.flux.events import OBJECTS_NAMED, changes_in_words, finished_in_words, notification_event_of
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.status import REASONS

KUSTOMIZE_CONTROLLER, SOURCE_CONTROLLER = "kustomize-controller", "source-controller"
COMMIT_STATUS = "commit_status"
_DONE = {"created": "created", "configured": "configured", "pruned": "deleted"}


def kustomization_events(event: Event) -> Iterable[ObjectEvent]:
    """Say what an event of the engine is on a Kustomization."""
    if isinstance(event, SyncEnded):
        return _synced(event)
    if isinstance(event, UnitChanged):
        return _changed(event)
    return ()


def repository_events(event: Event) -> Iterator[ObjectEvent]:
    """Say what an event of the engine is on a GitRepository."""
    if not isinstance(event, SourceChanged):
        return
    remembered = event.declaration.remembered
    if event.before is None and (event.after.fault is not None or event.after.revision == remembered):
        # The first report after a start is no news by itself.
        return
    told = notification_event_of(event)
    if told is not None:
        yield _event(told, repository.GROUP, SOURCE_CONTROLLER)


def _synced(event: SyncEnded) -> Iterator[ObjectEvent]:
    record = event.record
    told = notification_event_of(event)
    sync = ((SYNC, record.id),)
    # What other syncs have written is told as soon as it is, by the report.
    if record.cause is Cause.RETURN and (words := changes_in_words(record)):
        annotations = (*_annotations(record.revision, kustomization.GROUP), *sync)
        yield ObjectEvent(event.unit.ref, False, PROGRESSING, words, KUSTOMIZE_CONTROLLER, annotations)
    if told is None:
        return
    if told.sync and record.cause is not Cause.RETURN:
        told = msgspec.structs.replace(told, message=finished_in_words(event.unit, record))
    made = _event(told, kustomization.GROUP, KUSTOMIZE_CONTROLLER)
    status = ((f"{kustomization.GROUP}/{COMMIT_STATUS}", "update"),) if told.sync else ()
    yield msgspec.structs.replace(made, annotations=(*made.annotations, *status, *sync))


def _changed(event: UnitChanged) -> Iterator[ObjectEvent]:
    before, after = event.before, event.after
    if UnitPhase.OBSERVED in (before.phase if before else after.phase, after.phase):
        return
    if words := _written(before, after):
        annotations = _annotations(after.attempted or after.current, kustomization.GROUP)
        yield ObjectEvent(event.unit.ref, False, PROGRESSING, words, KUSTOMIZE_CONTROLLER, annotations)
    if before is None:
        # The first report after a start is no news by itself.
        return
    waits = after.phase is UnitPhase.WAITING and after.reason is not Reason.PROGRESSING
    if waits and (before.reason, before.message) != (after.reason, after.message):
        revision = after.attempted or after.current
        yield ObjectEvent(
            event.unit.ref,
            False,
            REASONS[after.reason],
            after.message,
            KUSTOMIZE_CONTROLLER,
            _annotations(revision, kustomization.GROUP),
        )
        return
    bad = before.phase in (UnitPhase.FAILED, UnitPhase.HELD)
    told = notification_event_of(event)
    if told is not None and (bad or not told.recovered):
        yield _event(told, kustomization.GROUP, KUSTOMIZE_CONTROLLER)


def _written(before: UnitReport | None, after: UnitReport) -> str:
    """Name what a sync has written, once all of it is: an operation is of this process' own making."""
    operation, known = after.operation, before.operation if before else None
    if operation is None or operation.finished is None or operation.healing:
        return ""
    if operation.request is not None and operation.request.dry_run:
        return ""
    if known is not None and known.started == operation.started and known.finished is not None:
        return ""
    # kubectl's way to say it: `deployment.apps/web configured`.
    done = ((result.ref, _DONE.get(([*result.message.split(" "), ""])[1])) for result in operation.results)
    lines = [f"{ref} {word}" for ref, word in done if word]
    more = len(lines) - OBJECTS_NAMED
    return "\n".join([*lines[:OBJECTS_NAMED], f"and {more} more"] if more > 0 else lines)


def _event(told: NotificationEvent, group: str, component: str) -> ObjectEvent:
    warning = told.severity is Severity.ERROR
    annotations = _annotations(told.revision, group)
    echo = told.recovered and group == kustomization.GROUP
    return ObjectEvent(told.about, warning, told.reason, told.message, component, annotations, echo)


def _annotations(revision: str, group: str) -> tuple[tuple[str, str], ...]:
    return ((f"{group}/revision", revision),) if revision else ()
