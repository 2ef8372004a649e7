"""What happens to Flux' objects, in the words of its controllers' events: what alerts choose from."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.core.fields.changes import FieldChange
from trueup.core.model.artifact import Provenance, Revision
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import Event, SourceChanged, SyncEnded, UnitChanged
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, UnitPhase, UnitReport
from trueup.core.model.unit import Unit
from trueup.core.notification.notification import NotificationEvent, Severity
from trueup.dialects.flux.bucket import types as bucket
from trueup.dialects.flux.externalartifact import types as external
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.status import REASONS
from trueup.dialects.flux.ocirepository import types as artifact
from trueup.dialects.flux.source_status import failure_reason
from trueup.dialects.times import duration

SUCCEEDED = "ReconciliationSucceeded"
DRIFT_CORRECTED = "DriftCorrected"
NEW_ARTIFACT = "NewArtifact"
OBJECTS_NAMED = 10
FIELDS_NAMED = 5

_UNIT = (kustomization.GROUP, kustomization.KIND)
_SOURCES = tuple((one.GROUP, one.KIND) for one in (repository, artifact, bucket, external))
_DONE = {"create": "created", "change": "configured", "heal": "configured", "prune": "deleted"}


def notification_event_of(event: Event) -> NotificationEvent | None:
    """Say what an event of the engine is to Flux' users; `None` where it is nothing they are told of."""
    if isinstance(event, SyncEnded) and event.unit.ref[:2] == _UNIT:
        return _sync(event.unit, event.record)
    if isinstance(event, UnitChanged) and event.unit.ref[:2] == _UNIT:
        return _report(event.unit, event.before, event.after, event.at)
    if isinstance(event, SourceChanged) and event.declaration.ref[:2] in _SOURCES:
        return _source(event)
    return None


def alert_event_of(event: Event) -> NotificationEvent | None:
    """Say what alerts are told of an event of the engine; `None` where it is nothing for them.

    That a unit runs its last good revision again is no good news of its own: the failed sync's message has named that
    revision, and one after it in the same second would read as if all were well.
    """
    if isinstance(event, SyncEnded) and event.record.cause is Cause.RETURN and event.record.ending is Ending.GOOD:
        return None
    return notification_event_of(event)


def _sync(unit: Unit, record: DeploymentRecord) -> NotificationEvent | None:
    if record.ending is Ending.RETURNED:
        return _unit(unit, Severity.ERROR, REASONS[Reason.UNHEALTHY], record.message, record)
    if record.cause is Cause.DELETE and record.ending is Ending.FAILED:
        return _unit(unit, Severity.ERROR, REASONS[Reason.DELETION_FAILED], record.message, record)
    if record.ending is not Ending.GOOD or record.cause is Cause.DELETE:
        return None
    if record.cause is Cause.HEAL:
        text = "drift was corrected:\n" + changes_in_words(record, fields=True)
        return _unit(unit, Severity.INFO, DRIFT_CORRECTED, text, record)
    text = finished_in_words(unit, record)
    if record.cause is Cause.RETURN:
        text = f"returned to {record.revision}: {record.message}"
    if changes := changes_in_words(record):
        text += f"\n{changes}"
    return msgspec.structs.replace(_unit(unit, Severity.INFO, SUCCEEDED, text, record), sync=record.id)


def _unit(unit: Unit, severity: Severity, reason: str, message: str, record: DeploymentRecord) -> NotificationEvent:
    return NotificationEvent(
        about=unit.ref,
        severity=severity,
        reason=reason,
        message=message,
        at=record.finished,
        revision=record.revision,
        source=record.source,
        commit=_commit(record.revision),
        facts=_facts(record.commit),
        thread=_thread(unit.source, record.revision),
    )


def _report(unit: Unit, before: UnitReport | None, after: UnitReport, at: datetime) -> NotificationEvent | None:
    if after.phase is UnitPhase.SETTLED:
        if before is not None and before.phase is UnitPhase.SETTLED:
            return None
        # Told only where something bad was told before: see `recovered`.
        return NotificationEvent(
            about=unit.ref,
            severity=Severity.INFO,
            reason=SUCCEEDED,
            message=f"it is as it should be again: {after.message}",
            at=at,
            revision=after.applied or after.current,
            commit=_commit(after.applied or after.current),
            recovered=True,
            facts=_facts(after.commit),
            thread=_thread(unit.source, after.current),
        )
    held = after.phase is UnitPhase.HELD and (before is None or bool(after.held and after.held.stopped))
    if after.phase is not UnitPhase.FAILED and not held:
        return None
    if before is not None and (before.phase, before.reason, before.message) == (
        after.phase,
        after.reason,
        after.message,
    ):
        return None
    revision = after.attempted or after.current
    return NotificationEvent(
        about=unit.ref,
        severity=Severity.ERROR,
        reason=REASONS[after.reason],
        message=after.message,
        at=at,
        revision=revision,
        commit=_commit(revision),
        facts=_facts(after.commit),
        thread=_thread(unit.source, revision),
    )


def _source(event: SourceChanged) -> NotificationEvent | None:
    before, after, ref = event.before, event.after, event.declaration.ref
    if after.fault is not None:
        if before is not None and (before.fault, before.message) == (after.fault, after.message):
            return None
        return NotificationEvent(
            about=ref,
            severity=Severity.ERROR,
            reason=failure_reason(after.fault, ref.kind),
            message=after.message,
            at=event.at,
            revision=after.revision,
            thread=_thread(ref, ""),
        )
    recovered = before is not None and before.fault is not None
    if not after.revision or (before is not None and before.revision == after.revision and not recovered):
        return None
    new = before is None or before.revision != after.revision
    words = _stored(event) if new else "it can be reached again"
    return NotificationEvent(
        about=ref,
        severity=Severity.INFO,
        reason=NEW_ARTIFACT if new else "Succeeded",
        message=words,
        at=event.at,
        revision=after.revision,
        commit=_commit(after.revision),
        recovered=recovered,
        facts=_facts(after.commit),
        thread=_thread(ref, after.revision),
    )


def _stored(event: SourceChanged) -> str:
    after, declaration = event.after, event.declaration
    if declaration.ref[:2] == (external.GROUP, external.KIND):
        return f"fetched artifact with revision '{after.revision}'"
    if declaration.ref[:2] == (bucket.GROUP, bucket.KIND):
        return f"stored artifact with revision '{after.revision}' from '{declaration.spec.url}' bucket"
    if declaration.ref[:2] != (artifact.GROUP, artifact.KIND):
        return f"stored artifact for commit '{after.commit.subject if after.commit else after.revision}'"
    words = f"stored artifact with revision '{after.revision}' from '{declaration.spec.url}'"
    told = after.artifact.metadata if after.artifact else {}
    source, revision = told.get(artifact.SOURCE, ""), told.get(artifact.REVISION, "")
    return f"{words}, origin source '{source}', origin revision '{revision}'" if source and revision else words


def _facts(commit: Provenance | None) -> tuple[tuple[str, str], ...]:
    """Say who changed what, and why."""
    if commit is None:
        return ()
    facts = [("author", commit.author_name), ("commit", commit.subject)]
    if commit.pull_request is not None:
        facts.append(("pullRequest", f"#{commit.pull_request.number}"))
    return tuple((name, value) for name, value in facts if value)


def _thread(source: ObjectRef, revision: str) -> str:
    return f"{source}@{_commit(revision) or revision}"


def _commit(revision: str) -> str:
    try:
        return Revision.parse(revision).id if revision else ""
    except ValueError:
        return ""


def _field(change: FieldChange) -> str:
    """Name a field; with its values only where these are numbers or truths: a text may be somebody's password."""
    if change.hidden or any(value[:1] in '"[{' for value in (change.before, change.after) if value):
        return change.path
    return f"{change.path} {change.before or '(none)'} → {change.after or '(none)'}"


def finished_in_words(unit: Unit, record: DeploymentRecord) -> str:
    """Say how long a sync took, as Flux' events do."""
    return f"Reconciliation finished in {duration(record.seconds)}, next run in {duration(unit.interval)}"


def changes_in_words(record: DeploymentRecord, *, fields: bool = False) -> str:
    """Name what was changed, as Flux' events do; with the fields where these are what matters."""
    lines = []
    for change in record.changes[:OBJECTS_NAMED]:
        line = f"{change.ref} {_DONE.get(change.action, change.action)}"
        if fields and change.fields:
            told = [_field(one) for one in change.fields]
            line += ": " + ", ".join(told[:FIELDS_NAMED]) + (", …" if len(told) > FIELDS_NAMED else "")
        lines.append(line)
    more = len(record.changes) - OBJECTS_NAMED + record.more
    if more > 0:
        lines.append(f"and {more} more")
    return "\n".join(lines)
