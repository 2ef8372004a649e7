"""The deployment record of a sync: drafted when it begins, told to the event_sink when it ends.

A draft is lost in a crash; the sync then goes on under the same id, and its record says that it was resumed.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog

from trueup.core.fields.changes import told
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.events import SyncEnded, SyncStarted
from trueup.core.model.state import Attempt, Inputs
from trueup.core.model.unit import Unit
from trueup.core.plan.tasks import Step
from trueup.core.ports import Applied, ApplyError
from trueup.core.redaction import hide_user
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Intent, Reconciliation
from trueup.engine.records.builder import RecordBuilder

OBJECTS_KEPT = 500
"""Of one sync, this many changed objects are told; of the others only how many they are."""

_CAUSES = {
    Intent.REQUEST: Cause.REQUEST,
    Intent.CHANGE: Cause.CHANGE,
    Intent.HEAL: Cause.HEAL,
    Intent.RETURN: Cause.RETURN,
    Intent.PIN: Cause.PIN,
}


def open_record(run: Reconciliation, context: EngineContext) -> RecordBuilder:
    """Give the draft of the sync under way; a new one where the inputs or the reason are others than before."""
    assert run.inputs is not None and run.intent is not None
    runtime, state = run.runtime, run.state
    attempt = state.attempt if run.intent is not Intent.HEAL else None
    cause, inputs = _CAUSES[run.intent], run.inputs.digest
    if run.asked_by and run.intent in (Intent.CHANGE, Intent.HEAL):
        cause = Cause.REQUEST
    record = runtime.sync.record
    if record is not None and record.inputs == inputs and (record.cause is cause or attempt is not None):
        run.sync = record.id
        return record
    if record is not None and record.changes:
        end_record(run, context, Ending.SUPERSEDED, f"{run.inputs.revision} came before it had ended")
    resumed = attempt is not None and attempt.inputs == inputs
    runtime.sync.record = RecordBuilder(
        id=attempt.id if attempt is not None and resumed else uuid.uuid4().hex,
        cause=_cause_of(attempt) or cause if resumed else cause,
        inputs=inputs,
        revision=run.inputs.revision,
        previous=state.applied.revision if state.applied else "",
        started=context.clock.wall(),
        initiator=(attempt.initiator if attempt is not None and resumed else "") or initiator_of(run),
        operation=run.operation.id if run.operation else "",
        related=state.held.sync if state.held and run.returning else "",
        resumed=resumed,
    )
    run.sync = runtime.sync.record.id
    structlog.contextvars.bind_contextvars(sync=run.sync)
    for timing in run.timings:
        runtime.sync.record.spend(timing.name, timing.seconds)
    return runtime.sync.record


def announce(run: Reconciliation, context: EngineContext, record: RecordBuilder) -> None:
    """Tell the event_sink, once, that a sync is about to write; unless it is a try whose end will not be told."""
    if record.announced:
        return
    record.announced = True
    state = run.state
    failures = state.failures + 1 if record.inputs and state.failed_inputs == record.inputs else 1
    if told_try(failures):
        context.event_sink.publish(
            SyncStarted(
                run.unit,
                record.id,
                record.cause,
                record.revision,
                record.started,
                record.previous,
                record.initiator,
                record.resumed,
            )
        )


def initiator_of(run: Reconciliation) -> str:
    """Name the person who asked for what this reconciliation writes; empty for what happens by itself."""
    if run.operation is not None:
        return run.operation.initiator
    if run.intent is Intent.PIN:
        asked = run.state.pin or run.runtime.pinning.released
        return asked.by if asked is not None else ""
    return run.asked_by if run.intent in (Intent.CHANGE, Intent.HEAL) else ""


def open_deletion(run: Reconciliation, context: EngineContext) -> RecordBuilder:
    """Give the draft of the removal of all that a unit delivers, because the unit itself goes."""
    runtime, applied = run.runtime, run.state.applied
    if runtime.sync.record is None or runtime.sync.record.cause is not Cause.DELETE:
        revision = applied.revision if applied else ""
        runtime.sync.record = RecordBuilder(
            uuid.uuid4().hex, Cause.DELETE, "", revision, revision, started=context.clock.wall()
        )
        announce(run, context, runtime.sync.record)
    return runtime.sync.record


def note_change(run: Reconciliation, step: Step, result: Applied | ApplyError) -> None:
    """Take note of what a step did to its object, unless that was nothing."""
    record = run.runtime.sync.record
    if record is None:
        return
    if isinstance(result, ApplyError):
        record.changes[step.ref] = told(step.ref, step.action.value, error=result.message)
    elif result.changed:
        record.changes[step.ref] = told(step.ref, step.action.value, result.fields)


def end_record(run: Reconciliation, context: EngineContext, ending: Ending, message: str, tries: int = 1) -> None:
    """Tell the event_sink how the sync ended, and forget its draft."""
    record, run.runtime.sync.record = run.runtime.sync.record or _resumed(run, context), None
    if record is None:
        return
    run.sync = record.id
    context.event_sink.publish(SyncEnded(run.unit, _record(run, context, record, ending, message, tries)))


def record_failure(run: Reconciliation, context: EngineContext, message: str) -> None:
    """Tell the event_sink that a revision could not even be rendered, once for each revision and message."""
    runtime = run.runtime
    if not run.revision or runtime.sync.failure_told == (run.revision, message):
        return
    runtime.sync.failure_told = (run.revision, message)
    applied = run.state.applied
    record = RecordBuilder(
        id=uuid.uuid4().hex,
        cause=Cause.REQUEST if run.operation else Cause.CHANGE,
        inputs="",
        revision=run.revision,
        previous=applied.revision if applied else "",
        started=context.clock.wall(),
        initiator=run.operation.initiator if run.operation else "",
        operation=run.operation.id if run.operation else "",
    )
    for timing in run.timings:
        record.spend(timing.name, timing.seconds)
    context.event_sink.publish(SyncEnded(run.unit, _record(run, context, record, Ending.FAILED, message, 1)))


def told_try(failures: int) -> bool:
    """Say whether this try of the same failing inputs is told: the first, second, fourth, eighth…"""
    return failures & (failures - 1) == 0


def _resumed(run: Reconciliation, context: EngineContext) -> RecordBuilder | None:
    """Give the draft of an attempt that a process before this one has carried out."""
    attempt, applied = run.state.attempt, run.state.applied
    if attempt is None:
        return None
    try:
        started = datetime.fromisoformat(attempt.started_at)
    except ValueError:
        started = context.clock.wall()
    return RecordBuilder(
        id=attempt.id,
        cause=_cause_of(attempt) or Cause.CHANGE,
        inputs=attempt.inputs,
        revision=attempt.revision,
        previous=applied.revision if applied and applied.digest != attempt.inputs else "",
        started=started,
        initiator=attempt.initiator,
        operation=attempt.operation,
        resumed=True,
    )


def _cause_of(attempt: Attempt | None) -> Cause | None:
    try:
        return _CAUSES[Intent(attempt.cause)] if attempt else None
    except ValueError:
        return None


def _record(
    run: Reconciliation, context: EngineContext, record: RecordBuilder, ending: Ending, message: str, tries: int
) -> DeploymentRecord:
    unit = run.unit
    changes = tuple(record.changes.values())
    spec = run.source.declaration.spec if run.source else None
    rendering = run.wanted if run.wanted and run.wanted.inputs.digest == record.inputs else None
    rendering = rendering or run.runtime.renders.by_inputs.get(record.inputs)
    prepared = rendering.prepared if rendering else None
    commit = run.resolved.provenance if run.resolved and record.revision == run.revision else None
    commit = commit or run.runtime.renders.commits.get(record.revision)
    inputs = run.inputs if run.inputs and run.inputs.digest == record.inputs else None
    return DeploymentRecord(
        id=record.id,
        unit=unit.ref,
        unit_uid=unit.uid,
        cause=record.cause,
        ending=ending,
        started=record.started,
        finished=context.clock.wall(),
        message=message,
        tenant=unit.project or unit.ref.namespace,
        cluster=unit.target.cluster,
        namespace=unit.target.namespace,
        manager=unit.field_manager,
        source=hide_user(spec.url) if spec else "",
        path=_path(unit, inputs),
        revision=record.revision,
        previous=record.previous,
        commit=commit,
        initiator=record.initiator,
        operation=record.operation,
        inputs=record.inputs,
        objects=inputs.objects if inputs else "",
        images=prepared.images if prepared else (),
        versions=prepared.versions if prepared else (),
        changes=changes[:OBJECTS_KEPT],
        more=max(0, len(changes) - OBJECTS_KEPT),
        steps=record.steps,
        related=record.related,
        tries=tries,
        resumed=record.resumed,
        revisions=_revisions(run, record, inputs),
    )


def _revisions(run: Reconciliation, record: RecordBuilder, inputs: Inputs | None) -> tuple[str, ...]:
    """Give the revisions of all sources where these are several, also of inputs that an earlier process has made."""
    if inputs is not None:
        return inputs.revisions if inputs.others else ()
    attempt = run.state.attempt
    return attempt.revisions if attempt is not None and attempt.inputs == record.inputs else ()


def _path(unit: Unit, inputs: Inputs | None) -> str:
    """Give the folder of the first source that is rendered."""
    recipes = (inputs.recipe, *(other.recipe for other in inputs.others)) if inputs is not None else ()
    return next((recipe for recipe in recipes if recipe is not None), unit.recipe).path
