"""How a reconciliation ends: what it found is summed up, reported, and followed by what comes next."""

from __future__ import annotations

import msgspec

from trueup.core.health import Health, HealthStatus, judged, worst
from trueup.core.health.verdict import Outcome
from trueup.core.model.events import UnitChanged
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, InventoryEntry, ObjectRef, PruneMode, ended
from trueup.core.model.reports import Notice, ObjectReport, Reason, SyncState, UnitPhase, UnitReport
from trueup.core.ports import ApplyError
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Next, Reconciliation
from trueup.engine.records.recording import record_failure

ENDED = Health(HealthStatus.HEALTHY, "it has ended, and was removed as it asks")
ERRORS_SHOWN = 5
TAKEN_OVER = (
    "another controller delivered this before; when a change makes it unhealthy, its rollback policy is {!r} until the "
    "annotation trueup.dev/rollback names one"
)
SAFETY_INTERVAL = 60.0
"""No unit is reconciled by the clock more often than this (seconds), whatever its interval: events do the work."""


_NO_SYNC = frozenset({Reason.RENDER_FAILED, Reason.PATH_ABSENT, Reason.SUBSTITUTION_FAILED, Reason.EXPRESSION_INVALID})
"""Reasons for which a revision cannot even be planned, which the history keeps as a failed sync."""


def conclude(run: Reconciliation, context: EngineContext) -> None:
    """Write the report, tell those who wait, and plan the next reconciliation."""
    unit, runtime = run.unit, run.runtime
    phase, reason, message = _standing(run)
    objects = _objects(run, context)
    state = run.state
    stalled = run.halt is not None and run.halt.next is Next.STALL
    if run.halt is not None and reason in _NO_SYNC:
        record_failure(run, context, message)
    if run.halt is not None and run.halt.next is Next.RETRY:
        run.later(unit.retry_interval)
    commit = run.resolved.provenance if run.resolved else None
    report = UnitReport(
        phase=phase,
        reason=reason,
        message=message,
        generation=unit.generation,
        sync=_sync(run, phase, objects),
        health=worst(item.health for item in objects if item.health is not None) if objects else None,
        current=run.revision,
        attempted=_attempted(run),
        applied=_applied(run),
        commit=commit,
        stalled=stalled,
        retry_in=run.again_after if phase is UnitPhase.FAILED else None,
        recipe=run.declared.recipe if run.declared else (runtime.report.recipe if runtime.report else ""),
        recipes=run.declared.recipes if run.declared else (runtime.report.recipes if runtime.report else ()),
        gated=unit.gate.wait or bool(unit.gate.checks),
        timeout=unit.gate.timeout,
        checked_for=runtime.sync.checked_for,
        objects=objects,
        inventory=state.inventory,
        images=_images(run) or (runtime.report.images if runtime.report else ()),
        operation=runtime.sync.operation,
        history=state.history,
        held=run.held,
        pin=state.pin,
        handled=state.requested,
        handled_operation=state.operation,
        notices=_notices(run, message if reason is Reason.UNHEALTHY and phase is UnitPhase.FAILED else ""),
        compared=context.clock.wall(),
        revisions=_revisions(run),
        currents=run.several,
    )
    _tell(run, context, report)
    _tell_group(run, context)
    run.later(max(unit.interval, SAFETY_INTERVAL))


def conclude_defect(run: Reconciliation, context: EngineContext, message: str) -> None:
    """Report that not even the standing of the unit's objects could be found out, by a defect."""
    before = run.runtime.report
    report = UnitReport(
        phase=UnitPhase.FAILED,
        reason=Reason.INTERNAL,
        message=message,
        generation=run.unit.generation,
        sync=SyncState.UNKNOWN,
        current=run.revision,
        currents=run.several,
        attempted=_attempted(run),
        applied=_applied(run),
        objects=before.objects if before else (),
        inventory=run.state.inventory,
        history=run.state.history,
        handled=run.state.requested,
        handled_operation=run.state.operation,
        compared=context.clock.wall(),
    )
    _tell(run, context, report)
    run.later(run.unit.retry_interval)


def _tell_group(run: Reconciliation, context: EngineContext) -> None:
    """Have the units this one is tied to look when it is held back, has gone back, or tries something else."""
    unit, state, runtime = run.unit, run.state, run.runtime
    held = state.held
    if held is not None and held.because is None and not runtime.rollback.ahead:
        context.unhealthy.add(unit.ref)
    else:
        context.unhealthy.discard(unit.ref)
    seen = (held.inputs if held else "", state.applied.digest if held and state.applied else "", runtime.rollback.ahead)
    if seen == runtime.rollback.told_group:
        return
    runtime.rollback.told_group = seen
    for other in context.registry.connected(unit.ref):
        context.requeue(other)


def _standing(run: Reconciliation) -> tuple[UnitPhase, Reason, str]:
    """Say where the unit stands, why, and in words."""
    halt, plan, held = run.halt, run.plan, run.held
    if halt is not None:
        return halt.phase, halt.reason, halt.message
    if held is not None and held.stopped:
        return UnitPhase.HELD, Reason.UNHEALTHY, held.words
    if run.errors:
        return UnitPhase.FAILED, Reason.REFUSED, _errors_in_words(run.errors)
    if run.prune_errors:
        return UnitPhase.FAILED, Reason.PRUNE_FAILED, _errors_in_words(run.prune_errors)
    if held is not None:
        waits = f"; then {run.unready}" if run.runtime.rollback.ahead else ""
        return UnitPhase.HELD, Reason.UNHEALTHY, held.words + _offered(run, held.inputs) + waits
    if run.source_problem:
        return UnitPhase.FAILED, Reason.SOURCE_FAILED, run.source_problem
    vetoes = plan.blocking if plan else ()
    if vetoes:
        return (
            UnitPhase.FAILED,
            Reason.REFUSED,
            "; ".join(veto.message for veto in vetoes[:ERRORS_SHOWN]),
        )
    if run.out_of_sync:
        return UnitPhase.OUT_OF_SYNC, Reason.SUCCEEDED, run.out_of_sync
    if run.waiting:
        return UnitPhase.APPLYING, Reason.PROGRESSING, run.waiting
    gate = run.gate
    if gate is not None and gate.outcome is Outcome.SICK:
        verb = "timeout waiting for" if gate.timed_out else "health check failed:"
        because = _left_in_place(run)
        return UnitPhase.FAILED, Reason.UNHEALTHY, f"{verb} {gate.message}" + (f"; {because}" if because else "")
    # A unit that was ready stays so while an object of it rolls by itself; only a change of ours is waited for.
    awaited = run.state.attempt is not None or not (run.runtime.readiness.ready or _was_ready(run))
    if gate is not None and gate.outcome is Outcome.PENDING and awaited:
        return UnitPhase.CHECKING, Reason.PROGRESSING, gate.message
    pin = f"; {run.state.pin.words}" if run.state.pin else ""
    return UnitPhase.SETTLED, Reason.SUCCEEDED, f"Applied revision: {_applied(run)}{pin}"


def _was_ready(run: Reconciliation) -> bool:
    """Whether the unit's last sync had ended well before this process began."""
    state = run.state
    return run.runtime.report is None and state.good is not None and state.applied == state.good


def _left_in_place(run: Reconciliation) -> str:
    """Say why inputs that made the unit sick are not taken back; empty where there is nothing to say."""
    if run.runtime.rollback.undecided:
        return f"not taken back yet: {run.runtime.rollback.undecided}"
    stayed = run.state.rollback_skipped
    if stayed is None or run.inputs is None or stayed.inputs != run.inputs.digest:
        return ""
    return f"not taken back, because {stayed.reason}{_offered(run, stayed.inputs)}"


def _offered(run: Reconciliation, inputs: str) -> str:
    """Say what has become of the proposal to revert these inputs; empty where there is none."""
    return next((f"; {offer.words}" for offer in reversed(run.state.proposals) if offer.inputs == inputs), "")


def _errors_in_words(errors: tuple[ApplyError, ...]) -> str:
    shown = [f"{error.ref}: {error.message}" for error in errors[:ERRORS_SHOWN]]
    more = len(errors) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _attempted(run: Reconciliation) -> str:
    if run.held is not None:
        return run.held.revision
    if run.pinned and run.inputs is not None:
        return run.inputs.revision
    if run.inputs is not None and run.source is not None:
        return run.revision
    return run.runtime.report.attempted if run.runtime.report else ""


def _applied(run: Reconciliation) -> str:
    """Give the last revision that ended well: for a gated unit the last good one, otherwise the last applied one."""
    if run.held is not None:
        return run.held.returned_to
    return next(iter(_ended_well(run)), "")


def _revisions(run: Reconciliation) -> tuple[str, ...]:
    """Give the revisions of all sources that ended well, where these are several."""
    found = _ended_well(run)
    return found if len(found) > 1 else ()


def _ended_well(run: Reconciliation) -> tuple[str, ...]:
    state = run.state
    gated = run.unit.gate.wait or bool(run.unit.gate.checks)
    inputs = state.good if gated and run.gate is not None and run.gate.outcome is not Outcome.GOOD else state.applied
    if inputs is not None and run.synced and inputs.trees == tuple(one.resolved.tree for one in run.located):
        return tuple(str(one.resolved.revision) for one in run.located)
    return inputs.revisions if inputs is not None else ()


def _objects(run: Reconciliation, context: EngineContext) -> tuple[ObjectReport, ...]:
    """Say of each object, wanted or still owned, how it stands against what Git says."""
    owned = {entry.ref: entry for entry in run.state.inventory.entries}
    wanted = {item.ref: item for item in run.declared.prepared.desired} if run.declared else None
    reports = []
    for ref in sorted({*owned, *(wanted or ())}):
        seen = context.live(run.unit, ref)
        item = wanted.get(ref) if wanted is not None else None
        entry = owned.get(ref)
        extra = wanted is not None and item is None
        if extra and (seen is Presence.ABSENT or run.unit.refusal(ref)):
            # What the unit may not touch any more is not compared either: nothing that it does brings it in sync.
            continue
        gone = seen is Presence.ABSENT and item is not None and ended(item, entry)
        reports.append(
            ObjectReport(
                ref=ref,
                version=item.version if item else (entry.version if entry else ""),
                sync=SyncState.OUT_OF_SYNC if extra else SyncState.SYNCED if gone else _object_sync(item, entry, seen),
                health=ENDED if gone else _health(ref, seen),
                requires_pruning=extra,
                confirm=isinstance(seen, Live) and PruneMode.CONFIRM in (seen.prune, seen.delete),
                wave=item.options.wave if item else 0,
            )
        )
    return tuple(reports)


def _object_sync(item: Desired | None, entry: InventoryEntry | None, seen: Live | Presence) -> SyncState:
    if seen is Presence.UNKNOWN:
        return SyncState.UNKNOWN
    if isinstance(seen, Live) and seen.left_alone:
        return SyncState.SYNCED
    same = entry is not None and (item is None or entry.digest == item.digest)
    fits = isinstance(seen, Live) and same and entry is not None and entry.fits(seen.managed_digest)
    return SyncState.SYNCED if fits else SyncState.OUT_OF_SYNC


def _health(ref: ObjectRef, seen: Live | Presence) -> Health | None:
    """Give an object's health, `None` for a kind whose health says nothing about the unit that delivers it."""
    if isinstance(seen, Live):
        return seen.health if judged(ref.group, ref.kind) else None
    from_nothing = {Presence.ABSENT: Health.missing(), Presence.UNKNOWN: Health.unknown()}
    return from_nothing[seen]


def _sync(run: Reconciliation, phase: UnitPhase, objects: tuple[ObjectReport, ...]) -> SyncState:
    if run.halt is not None and run.inputs is None:
        known = run.runtime.report
        return SyncState.UNKNOWN if phase is UnitPhase.FAILED or known is None else known.sync
    if run.source_problem:
        return SyncState.UNKNOWN
    if run.held is not None or any(item.sync is SyncState.OUT_OF_SYNC for item in objects):
        return SyncState.OUT_OF_SYNC
    return SyncState.SYNCED


def _images(run: Reconciliation) -> tuple[str, ...]:
    return run.wanted.prepared.images if run.wanted is not None else ()


def _notices(run: Reconciliation, unhealthy: str) -> tuple[Notice, ...]:
    """Give what users should know beside the message; `unhealthy` says which object made the unit so."""
    found = [Notice("unsupported", text) for text in run.unit.warnings]
    found.extend(
        Notice(item.code, f"{item.origin}: {item.message}" if item.origin else item.message) for item in run.diagnostics
    )
    if run.state.pin is not None:
        found.append(Notice("pinned", run.state.pin.words))
    if run.runtime.pinning.refused:
        found.append(Notice("request-refused", run.runtime.pinning.refused))
    held = run.held or run.state.rollback_skipped
    if held is not None and (proposals_made := _offered(run, held.inputs)):
        found.append(Notice("proposed", proposals_made.removeprefix("; ")))
    if run.runtime.moves.left_behind:
        found.append(Notice("left-behind", run.runtime.moves.left_behind))
    if run.runtime.rollback.stays_behind:
        found.append(Notice("group-returned", run.runtime.rollback.stays_behind))
    if because := _left_in_place(run):
        found.append(Notice("not-taken-back", unhealthy or because))
    if run.state.taken_over and run.unit.inherited is not None:
        found.append(Notice("taken-over", TAKEN_OVER.format(run.unit.inherited.value)))
    if run.plan is not None:
        found.extend(Notice(veto.code, veto.message) for veto in run.plan.vetoes)
    found.extend(Notice("contested", f"{ref}: {text}") for ref, text in run.contested.items())
    found.extend(Notice("shared-object", f"{ref}: {text}") for ref, text in run.shared.items())
    return tuple(found)


def _tell(run: Reconciliation, context: EngineContext, report: UnitReport) -> None:
    runtime = run.runtime
    ready = report.phase is UnitPhase.SETTLED
    before = runtime.report
    # Who depends on it waits for its first report after a start too, whatever that says.
    changed = before is None or (ready, run.revisions) != (runtime.readiness.ready, runtime.readiness.revisions)
    runtime.readiness.ready, runtime.readiness.revisions = ready, run.revisions
    runtime.report = report
    if before is None or msgspec.structs.replace(before, compared=report.compared) != report:
        context.event_sink.publish(UnitChanged(run.unit, before, report, context.clock.wall()))
        quiet = before is not None and before.phase is report.phase and run.written == 0
        context.reports.unit(run.unit, report, urgent=not quiet)
    if changed:
        context.notify_dependents(run.unit.ref)
