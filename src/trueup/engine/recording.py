"""The deployment record of a sync: drafted when it begins, told to the journal when it ends.

A draft is lost in a crash; the sync then goes on under the same id, and its record says that it was resumed.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog

from trueup.core.changes import told
from trueup.core.deployment import Cause, DeploymentRecord, Ending
from trueup.core.events import SyncEnded
from trueup.core.plan import Step
from trueup.core.ports import Applied, ApplyError
from trueup.core.redaction import redact
from trueup.core.state import Attempt
from trueup.engine.draft import Draft
from trueup.engine.run import Intent, Parts, Run

OBJECTS_KEPT = 500
"""Of one sync, this many changed objects are told; of the others only how many they are."""

_CAUSES = {
    Intent.REQUEST: Cause.REQUEST,
    Intent.CHANGE: Cause.CHANGE,
    Intent.HEAL: Cause.HEAL,
    Intent.RETURN: Cause.RETURN,
    Intent.PIN: Cause.PIN,
}


def open_draft(run: Run, parts: Parts) -> Draft:
    """Give the draft of the sync under way; a new one where the inputs or the reason are others than before."""
    assert run.inputs is not None and run.intent is not None
    memory, state = run.memory, run.state
    attempt = state.attempt if run.intent is not Intent.HEAL else None
    cause, inputs = _CAUSES[run.intent], run.inputs.digest
    if run.asked_by and run.intent in (Intent.CHANGE, Intent.HEAL):
        cause = Cause.REQUEST
    draft = memory.draft
    if draft is not None and draft.inputs == inputs and (draft.cause is cause or attempt is not None):
        run.sync = draft.id
        return draft
    if draft is not None and draft.changes:
        end_draft(run, parts, Ending.SUPERSEDED, f"{run.inputs.revision} came before it had ended")
    resumed = attempt is not None and attempt.inputs == inputs
    memory.draft = Draft(
        id=attempt.id if attempt is not None and resumed else uuid.uuid4().hex,
        cause=_cause_of(attempt) or cause if resumed else cause,
        inputs=inputs,
        revision=run.inputs.revision,
        previous=state.applied.revision if state.applied else "",
        started=parts.clock.wall(),
        initiator=(attempt.initiator if attempt is not None and resumed else "") or initiator_of(run),
        operation=run.operation.id if run.operation else "",
        related=state.held.sync if state.held and run.returning else "",
        resumed=resumed,
    )
    run.sync = memory.draft.id
    structlog.contextvars.bind_contextvars(sync=run.sync)
    for timing in run.timings:
        memory.draft.spend(timing.name, timing.seconds)
    return memory.draft


def initiator_of(run: Run) -> str:
    """Name the person who asked for what this pass writes; empty for what happens by itself."""
    if run.operation is not None:
        return run.operation.initiator
    if run.intent is Intent.PIN:
        asked = run.state.pin or run.memory.released
        return asked.by if asked is not None else ""
    return run.asked_by if run.intent in (Intent.CHANGE, Intent.HEAL) else ""


def open_deletion(run: Run, parts: Parts) -> Draft:
    """Give the draft of the removal of all that a unit delivers, because the unit itself goes."""
    memory, applied = run.memory, run.state.applied
    if memory.draft is None or memory.draft.cause is not Cause.DELETE:
        revision = applied.revision if applied else ""
        memory.draft = Draft(uuid.uuid4().hex, Cause.DELETE, "", revision, revision, started=parts.clock.wall())
    return memory.draft


def note_change(run: Run, step: Step, result: Applied | ApplyError) -> None:
    """Take note of what a step did to its object, unless that was nothing."""
    draft = run.memory.draft
    if draft is None:
        return
    if isinstance(result, ApplyError):
        draft.changes[step.ref] = told(step.ref, step.action.value, error=result.message)
    elif result.changed:
        draft.changes[step.ref] = told(step.ref, step.action.value, result.fields)


def end_draft(run: Run, parts: Parts, ending: Ending, message: str, tries: int = 1) -> None:
    """Tell the journal how the sync ended, and forget its draft."""
    draft, run.memory.draft = run.memory.draft or _resumed(run, parts), None
    if draft is None:
        return
    run.sync = draft.id
    parts.journal.note(SyncEnded(run.unit, _record(run, parts, draft, ending, message, tries)))


def record_failure(run: Run, parts: Parts, message: str) -> None:
    """Tell the journal that a revision could not even be rendered, once for each revision and message."""
    memory = run.memory
    if not run.revision or memory.failure_told == (run.revision, message):
        return
    memory.failure_told = (run.revision, message)
    applied = run.state.applied
    draft = Draft(
        id=uuid.uuid4().hex,
        cause=Cause.REQUEST if run.operation else Cause.CHANGE,
        inputs="",
        revision=run.revision,
        previous=applied.revision if applied else "",
        started=parts.clock.wall(),
        initiator=run.operation.initiator if run.operation else "",
        operation=run.operation.id if run.operation else "",
    )
    for timing in run.timings:
        draft.spend(timing.name, timing.seconds)
    parts.journal.note(SyncEnded(run.unit, _record(run, parts, draft, Ending.FAILED, message, 1)))


def told_try(failures: int) -> bool:
    """Say whether this try of the same failing inputs is told: the first, second, fourth, eighth…"""
    return failures & (failures - 1) == 0


def _resumed(run: Run, parts: Parts) -> Draft | None:
    """Give the draft of an attempt that a process before this one has carried out."""
    attempt, applied = run.state.attempt, run.state.applied
    if attempt is None:
        return None
    try:
        started = datetime.fromisoformat(attempt.started_at)
    except ValueError:
        started = parts.clock.wall()
    return Draft(
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


def _record(run: Run, parts: Parts, draft: Draft, ending: Ending, message: str, tries: int) -> DeploymentRecord:
    unit = run.unit
    changes = tuple(draft.changes.values())
    git = run.source.declaration.git if run.source else None
    rendering = run.wanted if run.wanted and run.wanted.inputs.digest == draft.inputs else None
    rendering = rendering or run.memory.renderings.get(draft.inputs)
    prepared = rendering.prepared if rendering else None
    commit = run.resolved.commit if run.resolved and draft.revision == run.revision else None
    commit = commit or run.memory.commits.get(draft.revision)
    inputs = run.inputs if run.inputs and run.inputs.digest == draft.inputs else None
    return DeploymentRecord(
        id=draft.id,
        unit=unit.ref,
        unit_uid=unit.uid,
        cause=draft.cause,
        ending=ending,
        started=draft.started,
        finished=parts.clock.wall(),
        message=message,
        tenant=unit.project or unit.ref.namespace,
        cluster=unit.target.cluster,
        namespace=unit.target.namespace,
        manager=unit.field_manager,
        source=redact(git.url) if git else "",
        path=(inputs.recipe if inputs and inputs.recipe else unit.recipe).path,
        revision=draft.revision,
        previous=draft.previous,
        commit=commit,
        initiator=draft.initiator,
        operation=draft.operation,
        inputs=draft.inputs,
        objects=inputs.objects if inputs else "",
        images=prepared.images if prepared else (),
        versions=prepared.versions if prepared else (),
        changes=changes[:OBJECTS_KEPT],
        more=max(0, len(changes) - OBJECTS_KEPT),
        steps=draft.steps,
        related=draft.related,
        tries=tries,
        resumed=draft.resumed,
    )
