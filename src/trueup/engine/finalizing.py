"""The end of a unit: what it delivered is removed or left, as its policy says, and only then may its object go."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from trueup.core.model.deployment_record import Ending
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.state import DELETION, EMPTY_STATE, LEAVING
from trueup.core.model.unit import DeletionPolicy, SyncPolicy
from trueup.core.plan.guards import APPROVE
from trueup.core.plan.plan import Plan, PlanInput, make_plan
from trueup.core.ports import Acting, ApplyError, StaleState
from trueup.engine.approval import approved
from trueup.engine.context import EngineContext
from trueup.engine.coordination.moves import has_all_it_takes, units_behind, waiting_for
from trueup.engine.reconciliation import Halt, Next, Reconciliation
from trueup.engine.records.recording import end_record, note_change, open_deletion
from trueup.engine.state import remember, store

log = structlog.get_logger(__name__)

_WAITS = (DeletionPolicy.PRUNE_AND_WAIT, DeletionPolicy.PRUNE_AND_WAIT_FOREVER)

LEFT_TOLD = 5
RETRY_PAUSE = 5.0
WAIT_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds between two checks whether what was deleted is gone, at first and at last; they ask the cache."""


async def finalize(run: Reconciliation, context: EngineContext) -> bool:
    """Clear up behind a unit that is being deleted. Gives whether it is done; raises `Halt` where it cannot go on."""
    unit, state = run.unit, run.state
    if unit.deletion is DeletionPolicy.ORPHAN or unit.suspended or not state.inventory.entries:
        return await _let_go(run, context)
    for other in context.owners.want(unit.ref, unit.target.cluster, {}):
        # It takes nothing over any more.
        context.requeue(other)
    refs = [entry.ref for entry in state.inventory.entries]
    delivery, cluster = context.delivery(unit), unit.target.cluster
    await delivery.observe(unit, refs)
    holding = await delivery.holding(unit, refs, frozenset(refs))
    given = PlanInput(
        unit=unit.ref,
        desired=(),
        inventory=state.inventory,
        policy=SyncPolicy(prune=True, allow_empty=True),
        claims=context.owners.claims(unit.ref, cluster, refs),
        holding=holding,
        deleting=True,
        prune=True,
        permissions=unit.permissions,
        marked=unit.marks.any,
    )
    plan = make_plan(given, lambda ref: context.live(unit, ref))
    waits = next((veto for veto in plan.vetoes if veto.asks), None)
    if waits is not None:
        if not approved(run, context, DELETION):
            await store(run, context, run.state)
            raise Halt(UnitPhase.DELETING, Reason.PROGRESSING, waits.message, Next.WAIT)
        plan = make_plan(msgspec.structs.replace(given, confirmed=True), lambda ref: context.live(unit, ref))
    if plan.unknown or any(veto.code == "unknown" for veto in plan.vetoes):
        run.later(RETRY_PAUSE)
        text = "what this unit delivered is not removed while the cluster cannot be read"
        raise Halt(UnitPhase.DELETING, Reason.DELETION_FAILED, text, Next.WAIT)
    if plan.prunes and (behind := units_behind(unit, context)):
        run.later(WAIT_PAUSE)
        raise Halt(UnitPhase.DELETING, Reason.PROGRESSING, waiting_for(behind, context), Next.WAIT)
    acting = Acting(unit.field_manager, unit.target.service_account, propagation=unit.policy.propagation)
    errors: list[ApplyError] = []
    open_deletion(run, context)
    for step in plan.prunes:
        if step.live is not None and step.live.deleting:
            continue
        if context.owners.claims(unit.ref, cluster, [step.ref]):
            # Another unit has come to want it meanwhile.
            continue
        try:
            note_change(run, step, await delivery.carry_out(unit, step, acting))
        except ApplyError as error:
            note_change(run, step, error)
            errors.append(error)
    if errors and await _account_is_gone(run, context):
        more = f" and {len(errors) - LEFT_TOLD} more" if len(errors) > LEFT_TOLD else ""
        left = ", ".join(str(error.ref) for error in errors[:LEFT_TOLD]) + more
        text = f"the service account {unit.target.service_account} is gone, so these stay: {left}"
        return await _let_go(run, context, text)
    if errors:
        run.later(RETRY_PAUSE)
        text = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
        raise Halt(UnitPhase.DELETING, Reason.DELETION_FAILED, text, Next.WAIT)
    pruned = [step.ref for step in plan.prunes]
    claimed = context.owners.claims(unit.ref, cluster, pruned)
    going = [ref for ref in pruned if ref not in claimed]
    still = [ref for ref in going if context.live(unit, ref) is not Presence.ABSENT]
    waiting = _waits_for_takers(plan.given, run, context)
    if waiting and not approved(run, context, LEAVING):
        await store(run, context, run.state)
        run.later(RETRY_PAUSE)
        text = f"{waiting}; to leave them as they are and be gone, {APPROVE}"
        raise Halt(UnitPhase.DELETING, Reason.PROGRESSING, text, Next.WAIT)
    if unit.deletion in _WAITS and still:
        names = ", ".join(_still_there(ref, context.live(unit, ref)) for ref in still[:LEFT_TOLD])
        moves = run.runtime.moves
        moves.going_since = moves.going_since or run.now
        waited = run.now - moves.going_since
        rest = unit.gate.timeout - waited if unit.deletion is DeletionPolicy.PRUNE_AND_WAIT else LONGEST_PAUSE
        if rest <= 0:
            return await _let_go(run, context, f"these are not gone after {unit.gate.timeout:.0f} s: {names}")
        run.later(min(max(WAIT_PAUSE, waited / 10), rest))
        raise Halt(UnitPhase.DELETING, Reason.PROGRESSING, f"waiting until these are gone: {names}", Next.WAIT)
    return await _let_go(run, context, kept=_kept(plan))


async def _account_is_gone(run: Reconciliation, context: EngineContext) -> bool:
    """Say whether the service account that the unit acts as is not there any more: nobody can act for it then."""
    namespace, _, name = run.unit.target.service_account.partition(":")
    if not name:
        return False
    ref = ObjectRef("", "ServiceAccount", namespace, name)
    await context.delivery(run.unit).observe(run.unit, [ref])
    return context.live(run.unit, ref) is Presence.ABSENT


def _kept(plan: Plan) -> str:
    """Say what stays although its unit goes, and why; empty where nothing does."""
    words = [veto.message for veto in plan.vetoes]
    more = f" and {len(words) - LEFT_TOLD} more" if len(words) > LEFT_TOLD else ""
    return "; ".join(words[:LEFT_TOLD]) + more


def _waits_for_takers(given: Sequence[ObjectRef], run: Reconciliation, context: EngineContext) -> str:
    """Say which units have not taken over yet what Git has given them; empty where nobody is waited for."""
    claims = context.owners.claims(run.unit.ref, run.unit.target.cluster, given)
    late = [f"{ref} ({claim.unit})" for ref, claim in claims.items() if not has_all_it_takes(claim.unit, context)]
    if not late:
        return ""
    more = f" and {len(late) - LEFT_TOLD} more" if len(late) > LEFT_TOLD else ""
    return f"waiting until other units have taken over what Git has given them: {', '.join(late[:LEFT_TOLD])}{more}"


def _still_there(ref: ObjectRef, seen: Live | Presence) -> str:
    """Name an object that does not go, with what holds it up."""
    return f"{ref} ({seen.health.message})" if isinstance(seen, Live) and seen.health.message else str(ref)


async def _let_go(run: Reconciliation, context: EngineContext, left: str = "", kept: str = "") -> bool:
    """Let the unit's object go; `left` says what could not be removed, `kept` what was not to be, and why."""
    context.fence.check()
    for other in context.owners.forget(run.unit.ref):
        context.requeue(other)
    if left:
        log.warning("a deleted unit leaves something behind", unit=str(run.unit.ref), left=left)
        end_record(run, context, Ending.FAILED, f"the unit was deleted; {left}")
    else:
        rest = f"; {kept}" if kept else ""
        end_record(run, context, Ending.GOOD, f"the unit was deleted, and what it delivered is removed{rest}")
    if run.state != EMPTY_STATE:
        try:
            await context.states.drop(run.unit)
        except StaleState:
            pass  # It goes with its owner anyway.
        remember(run, EMPTY_STATE)
    await context.finalizers.remove(run.unit)
    return True
