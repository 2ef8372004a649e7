"""The verdict on what was applied, from the health of its objects."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trueup.core.health import Health, HealthStatus, judged
from trueup.core.health.verdict import Clock, Outcome, Sick, Verdict, judge
from trueup.core.model.deployment_record import Ending
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Inventory, ObjectRef
from trueup.core.model.state import Inputs
from trueup.core.rollback.revision_history import with_good, with_latest_revision
from trueup.core.wording import cut
from trueup.engine.context import EngineContext
from trueup.engine.coordination.breaker import Sickness
from trueup.engine.coordination.health_expressions import evaluate_health, expression_for, health_by_expression
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.records.attempts import pending, wall, with_history
from trueup.engine.records.recording import end_record
from trueup.engine.rollback.rollback import handle_unhealthy
from trueup.engine.state import change, store

UNHEALTHY_KEPT = 100
UNHEALTHY_WORDS = 300

_FINE = Health(HealthStatus.HEALTHY)


async def judge_meanwhile(run: Reconciliation, context: EngineContext) -> None:
    """Judge the sync under way of a unit that does not go on with it now: it waits, or Git says something else.

    It would be left sick otherwise, for as long as that lasts.
    """
    state = run.state
    attempt, applied = state.attempt, state.applied
    if attempt is None:
        return
    refs = sorted(state.inventory.refs)
    await context.delivery(run.unit).observe(run.unit, refs)
    done = applied is not None and applied.digest == attempt.inputs
    known = run.runtime.renders.by_inputs.get(attempt.inputs)
    inputs = applied if done else (known.inputs if known else Inputs(attempt.inputs, attempt.revision))
    run.inputs, run.wanted, run.synced = inputs, None, done
    await evaluate_health(run, context, refs)
    run.verdict = judge_objects(run, context, refs, attempt_began(run))
    if run.verdict.outcome is Outcome.SICK:
        await handle_unhealthy(run, context)
    elif run.verdict.outcome is Outcome.GOOD and done:
        await conclude_good(run, context)
    else:
        await pending(run, context)


def attempt_began(run: Reconciliation) -> float:
    runtime = run.runtime
    if run.state.attempt is not None:
        return runtime.sync.started
    return runtime.readiness.unready_since or run.now


def judge_objects(run: Reconciliation, context: EngineContext, refs: Iterable[ObjectRef], started: float) -> Verdict:
    runtime = run.runtime

    def seen_by(ref: ObjectRef) -> Live | Presence:
        return seen_by_rules(run, context, ref)

    listed = list(refs)
    for ref in listed:
        runtime.sync.timeline.see(ref, seen_by(ref), run.now)
    before = dict(run.state.attempt.unhealthy) if run.state.attempt is not None else {}
    verdict = judge(listed, seen_by, runtime.sync.timeline, Clock(run.now, started, run.unit.gate.patience), before)
    if verdict.outcome is Outcome.PENDING:
        run.later(verdict.again_at - run.now)
    return msgspec.structs.replace(verdict, sick=tuple(_with_cause(item, run, context) for item in verdict.sick))


def _with_cause(item: Sick, run: Reconciliation, context: EngineContext) -> Sick:
    """Say of an object that cannot be there why that is so: it is not just missing."""
    missing = item.health.status is HealthStatus.MISSING
    text = context.delivery(run.unit).missing(run.unit, item.ref) if missing else ""
    if not text:
        return item
    return msgspec.structs.replace(item, health=msgspec.structs.replace(item.health, message=text))


def sickness(run: Reconciliation, *, changed: bool) -> Sickness:
    """Say how a unit is unhealthy, for the breaker: since an object of it is in trouble, or from now on."""
    sick = run.verdict.sick if run.verdict is not None else ()
    times = [run.runtime.sync.timeline.troubled_since(item.ref) for item in sick]
    began = min((time for time in times if time is not None), default=run.now)
    degraded = any(item.health.status is HealthStatus.DEGRADED for item in sick)
    return Sickness(began, changed, degraded=degraded)


def unhealthy_before(run: Reconciliation, context: EngineContext) -> tuple[tuple[ObjectRef, str], ...]:
    """Give what is in trouble before a sync writes anything, as far as the last good inputs are in it."""
    found = []
    for entry in run.state.inventory.entries:
        seen = seen_by_rules(run, context, entry.ref) if entry.digest == entry.good else None
        if isinstance(seen, Live) and seen.health.troubled:
            found.append((entry.ref, cut(seen.health.message, UNHEALTHY_WORDS)))
    return tuple(found[:UNHEALTHY_KEPT])


def seen_by_rules(run: Reconciliation, context: EngineContext, ref: ObjectRef) -> Live | Presence:
    """Give what lives, judged by the rules of the unit's dialect."""
    seen = context.live(run.unit, ref)
    if isinstance(seen, Presence):
        return seen
    if expression_for(run, ref) is not None:
        return msgspec.structs.replace(seen, health=health_by_expression(run, seen))
    if run.unit.gate.kstatus:
        return seen if seen.reconciled is None else msgspec.structs.replace(seen, health=seen.reconciled)
    return seen if judged(ref.group, ref.kind) else msgspec.structs.replace(seen, health=_FINE)


async def conclude_good(run: Reconciliation, context: EngineContext) -> None:
    state = with_history(run, context, "good")
    remember_good(run, context)
    kept = run.state
    why = f"; {state.held.revision} was taken back: {state.held.reason}" if run.returning and state.held else ""
    end_record(run, context, Ending.GOOD, f"everything is applied and healthy{why}")
    if context.unhealthy:
        run.again()
    run.runtime.sync.checked_for = max(0.0, run.now - run.runtime.sync.started)
    await store(
        run,
        context,
        msgspec.structs.replace(
            kept, attempt=None, failures=0, failed_inputs="", history=state.history, next_id=state.next_id
        ),
    )


def remember_good(run: Reconciliation, context: EngineContext) -> None:
    state = run.state
    assert state.applied is not None
    attempt = state.attempt
    entries = (msgspec.structs.replace(entry, good=entry.digest) for entry in state.inventory.entries)
    past = state.good_revisions if state.good is None else with_latest_revision(state.good_revisions, state.good)
    since = attempt.started_at if attempt else wall(context.clock.wall())
    id, sync = state.next_id, attempt.id if attempt else ""
    if attempt is None and state.history:
        # It became healthy after its sync had been judged: the entry is there already.
        id, sync = state.history[-1].id, state.history[-1].sync
    run.runtime.rollback.undecided = ""
    good = msgspec.structs.replace(
        state,
        good=state.applied,
        good_revisions=with_good(past, state.applied, id, since, sync, attempt.revision if attempt else ""),
        held=msgspec.structs.replace(state.held, stopped="", returned_to=state.applied.revision)
        if state.held
        else None,
        rollback_skipped=None,
        inventory=Inventory(tuple(entries)),
    )
    change(run, good)
