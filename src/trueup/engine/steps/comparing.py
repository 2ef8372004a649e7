"""What lives against what is wanted: the plan, and whether it may be carried out now."""

from __future__ import annotations

import msgspec

from trueup.core.model.live import Presence
from trueup.core.model.objects import InventoryEntry, ObjectRef
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.plan.plan import Plan, left_to_first
from trueup.core.plan.tasks import Step
from trueup.core.rollback.obstacles import rollback_plan
from trueup.engine.context import EngineContext
from trueup.engine.coordination.moves import units_behind, waiting_for
from trueup.engine.inputs import render_again
from trueup.engine.operations import refuse_operation
from trueup.engine.planning import plan_towards, want_what_it_has
from trueup.engine.reconciliation import Halt, Intent, Next, Reconciliation
from trueup.engine.state import change

MOVE_PAUSE = 0.2
"""Seconds between two checks whether other units have planned for a commit, at first; it grows to `LONG_PAUSE`."""

LONG_PAUSE = 5.0
REFUSED_SHOWN = 5
_REFUSES_ALL = ("not-permitted", "shared-refused")
"""Vetoes for which nothing at all is applied."""


async def compare(run: Reconciliation, context: EngineContext) -> None:
    """Make the plan; for inputs that are applied already, only where something has drifted."""
    assert run.inputs is not None
    state = run.state
    await context.delivery(run.unit).observe(run.unit, _refs(run))
    if run.wanted is None:
        if not _forbidden(run) and all(_unchanged(entry, run, context) for entry in state.inventory.entries):
            run.settled = True
            want_what_it_has(run, context)
            context.planned.note(run.unit.ref, run.revisions)
            return
        await render_again(run, context)
        await context.delivery(run.unit).observe(run.unit, _refs(run))
    assert run.wanted is not None and run.declared is not None
    unit, wanted = run.unit, run.wanted.prepared.desired
    contents = {item.ref: item.content for item in run.declared.prepared.desired}
    affected = context.owners.want(unit.ref, unit.target.cluster, contents)
    context.planned.note(run.unit.ref, run.revisions)
    for other in affected:
        context.requeue(other)
    operation = run.operation
    claims = context.owners.claims(unit.ref, unit.target.cluster, [item.ref for item in wanted])
    for item in wanted:
        claim = claims.get(item.ref)
        if claim is not None and (claim.same or not claim.first):
            how = "the same" if claim.same else "something else, which is refused while this unit delivers it"
            run.shared[item.ref] = f"{claim.unit} wants it too: {how}"
    plan = await plan_towards(run, context, wanted, operation)
    if run.returning or run.pinned:
        back = rollback_plan(plan)
        plan, run.skipped = back.plan, back.skipped
    run.plan = _patient(run, context, plan)
    if state.held is None or run.returning:
        return
    if not state.held.holds(run.declared.inputs, unit.spec_digest):
        # Git has moved on: what was held back is history.
        change(run, msgspec.structs.replace(state, held=None), soon=True)


async def decide(run: Reconciliation, context: EngineContext) -> None:
    """Find the reason to carry the plan out, or stop where there is none now."""
    plan = run.plan
    if run.settled or plan is None:
        return
    assert run.inputs is not None
    state, unit, runtime = run.state, run.unit, run.runtime
    _refuse(run, context, plan)
    if run.operation is not None:
        # Somebody asks for it now: nothing is put off.
        run.intent = Intent.REQUEST
        return
    if plan.empty:
        return
    fresh = state.applied is None or state.applied.digest != run.inputs.digest
    if run.returning and fresh:
        if state.held is not None and state.held.stopped:
            run.plan = None
        elif state.failed_inputs != run.inputs.digest or run.now >= runtime.retry_at:
            run.intent = Intent.RETURN
        else:
            run.later(runtime.retry_at - run.now)
            run.plan = None
        return
    if not unit.policy.automated and not (fresh and run.pinned):
        run.out_of_sync = "it is synced only when somebody asks for it"
        run.plan = None
        return
    if state.failed_inputs == run.inputs.digest and run.now < runtime.retry_at:
        report = runtime.report
        reason = report.reason if report else Reason.REFUSED
        message = report.message if report else "the last try failed"
        if runtime.retry_at == float("inf"):
            raise Halt(UnitPhase.FAILED, reason, message, Next.STALL)
        run.later(runtime.retry_at - run.now)
        raise Halt(UnitPhase.FAILED, reason, message, Next.WAIT)
    if fresh or state.attempt is not None:
        run.intent = _intent(run)
        run.plan = _damped(run, plan)
        return
    if not unit.policy.heal:
        run.out_of_sync = "it has drifted, and healing is off"
        run.plan = None
        return
    run.intent = Intent.HEAL
    run.plan = _damped(run, plan)


def _forbidden(run: Reconciliation) -> bool:
    """Say whether the unit has delivered anything that it is not permitted by now."""
    return any(run.unit.refusal(entry.ref) for entry in run.state.inventory.entries)


def _refuse(run: Reconciliation, context: EngineContext, plan: Plan) -> None:
    """Stop before anything is applied where the unit wants an object that it is not permitted, or shall not share."""
    refused = [veto for veto in plan.blocking if veto.code in _REFUSES_ALL]
    if not refused:
        return
    more = f"; and {len(refused) - REFUSED_SHOWN} more" if len(refused) > REFUSED_SHOWN else ""
    text = "; ".join(veto.message for veto in refused[:REFUSED_SHOWN]) + more
    if run.operation is not None:
        refuse_operation(run, context, text)
    raise Halt(UnitPhase.FAILED, Reason.REFUSED, text, Next.WAIT)


def _intent(run: Reconciliation) -> Intent:
    if run.pinned or run.runtime.pinning.released is not None:
        return Intent.PIN
    return Intent.RETURN if run.returning else Intent.CHANGE


def _refs(run: Reconciliation) -> list[ObjectRef]:
    """Give all that is to be observed: what the unit owns, wants and checks."""
    wanted = [item.ref for item in run.wanted.prepared.desired] if run.wanted is not None else []
    return [*(entry.ref for entry in run.state.inventory.entries), *wanted, *run.unit.gate.checks]


def _unchanged(entry: InventoryEntry, run: Reconciliation, context: EngineContext) -> bool:
    """Say whether nothing of ours has changed; what cannot be seen is not taken for a change."""
    seen = context.live(run.unit, entry.ref)
    if isinstance(seen, Presence):
        return seen is Presence.UNKNOWN
    if entry.shared:
        claims = context.owners.claims(run.unit.ref, run.unit.target.cluster, [entry.ref])
        return left_to_first(claims.get(entry.ref), seen)
    edited = seen.by_hand and run.unit.policy.undo_kubectl
    return seen.left_alone or (entry.fits(seen.managed_digest) and not seen.deleting and not edited)


def _patient(run: Reconciliation, context: EngineContext, plan: Plan) -> Plan:
    """Leave prunes out while another unit of the same repository may be about to take what would go."""
    runtime = run.runtime
    behind = None if not plan.prunes or run.operation is not None else units_behind(run.unit, context)
    if behind is None:
        runtime.moves.waiting_since = 0.0
        return plan
    runtime.moves.waiting_since = runtime.moves.waiting_since or run.now
    run.later(min(max(MOVE_PAUSE, (run.now - runtime.moves.waiting_since) / 4), LONG_PAUSE))
    run.waiting = waiting_for(behind, context)
    pruned = {step.ref for step in plan.prunes}
    entries = [entry for entry in run.state.inventory.entries if entry.ref in pruned]
    return msgspec.structs.replace(plan.only(lambda step: step.ref not in pruned), keep=plan.keep.union(entries))


def _damped(run: Reconciliation, plan: Plan) -> Plan:
    """Leave out what somebody keeps changing back, until its pause is over. What waits so keeps a sync from ending."""
    heals = run.runtime.sync.heals

    def due(step: Step) -> bool:
        log = heals.get(step.ref)
        if log is None or not step.undoes:
            return True
        if log.contested(run.now):
            run.contested[step.ref] = log.words
        wait = log.wait(run.now)
        if wait <= 0:
            return True
        run.later(wait)
        if run.intent is not Intent.HEAL:
            run.waiting = f"{step.ref} is written again in {wait:.0f} s: {log.words}"
        return False

    return plan.only(due)
