"""The verdict on a sync, as often as an event gives reason to ask, until it is final.

Good: these inputs become the unit's last good ones. Sick: the unit returns to the last good inputs, or says why not.
Failed writes end an attempt too, and are tried again after a growing pause.
"""

from __future__ import annotations

import msgspec

from trueup.core.health.verdict import Outcome, Verdict
from trueup.core.model.deployment_record import Ending
from trueup.core.model.live import Presence
from trueup.core.model.objects import ObjectRef, ended
from trueup.core.model.reports import OperationState
from trueup.engine.context import EngineContext
from trueup.engine.coordination.health_expressions import evaluate_health
from trueup.engine.inputs import moved_on
from trueup.engine.judgement import (
    attempt_began,
    conclude_good,
    judge_meanwhile,
    judge_objects,
    remember_good,
    sickness,
)
from trueup.engine.reconciliation import Intent, Reconciliation
from trueup.engine.records.attempts import failures_of, pending, retry_later, with_history
from trueup.engine.records.recording import end_record, told_try
from trueup.engine.rollback.rollback import handle_unhealthy, rollback_stopped
from trueup.engine.state import change, narrow, store

STORE_QUIETLY_AFTER = 30.0
"""Seconds after which a mere new revision of unchanged inputs is stored."""


async def judge_outcome(run: Reconciliation, context: EngineContext) -> None:
    """Take note of what was carried out, and judge it."""
    if run.operation is not None and run.operation.dry_run:
        _end_operation(run, context)
        await store(run, context, msgspec.structs.replace(run.state, operation=run.operation.id))
        # What is true without the question is judged next.
        run.again()
        return
    if run.inputs is None or run.out_of_sync:
        _end_operation(run, context)
        if run.out_of_sync:
            await judge_meanwhile(run, context)
        return
    if run.errors or run.prune_errors:
        await _failed(run, context)
        return
    _adopt(run)
    _end_operation(run, context)
    if run.intent is Intent.HEAL and run.synced:
        end_record(run, context, Ending.GOOD, "what had drifted is as Git says again")
    gating = _gating(run, context)
    await evaluate_health(run, context, [*gating, *run.unit.gate.checks])
    run.verdict = judge_objects(run, context, gating, attempt_began(run))
    if run.state.attempt is not None:
        if run.verdict.outcome is Outcome.GOOD and run.waiting == "":
            await conclude_good(run, context)
        elif run.verdict.outcome is Outcome.SICK:
            await handle_unhealthy(run, context)
        else:
            await pending(run, context)
    elif run.verdict.outcome is Outcome.GOOD and _late_good(run):
        remember_good(run, context)
        run.store_now = True
    _count(run, context)
    await _store_quietly(run, context)
    run.gate = _gate(run, context)


def _adopt(run: Reconciliation) -> None:
    """The inputs count as applied when nothing was left to do."""
    assert run.inputs is not None
    plan, state, inputs = run.plan, run.state, run.inputs
    nothing_to_do = plan is not None and plan.empty and not run.waiting
    if not (run.settled or run.synced or nothing_to_do):
        return
    run.synced = True
    if plan is not None and nothing_to_do:
        narrow(run, plan)
        state = run.state
    if plan is not None and (plan.blocking or plan.given):
        # What a guard forbids, or another unit is about to take, is compared again after a restart: the tree must not
        # vouch for it.
        inputs = msgspec.structs.replace(inputs, tree="")
    if run.settled:
        inputs = moved_on(inputs, run.located)
    changed = state
    if state.applied != inputs:
        good = inputs if state.good is not None and state.good.digest == inputs.digest else state.good
        changed = msgspec.structs.replace(changed, applied=inputs, good=good)
    if run.operation is not None:
        changed = msgspec.structs.replace(changed, operation=run.operation.id)
        if run.operation.revision or any(run.operation.revisions) or run.operation.sources:
            # What was asked for need not be what Git says: how the unit stands is seen by the next reconciliation.
            run.again()
    change(run, changed)


def _end_operation(run: Reconciliation, context: EngineContext) -> None:
    """Close the operation on show once everything is applied."""
    runtime = run.runtime
    if run.synced:
        runtime.retry_at = 0.0
    going = runtime.sync.operation
    if going is None or going.state is not OperationState.RUNNING:
        return
    results = tuple(runtime.sync.results.values())
    if run.errors or run.prune_errors:
        errors = [*run.errors, *run.prune_errors]
        message = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
        state = OperationState.FAILED
    elif run.synced or (run.operation is not None and run.operation.dry_run):
        plan = run.plan
        vetoes = plan.blocking if plan else ()
        message = "; ".join(veto.message for veto in vetoes) or "successfully synced (all tasks run)"
        state = OperationState.FAILED if vetoes else OperationState.SUCCEEDED
    else:
        runtime.sync.operation = msgspec.structs.replace(going, results=results, message=run.waiting)
        return
    runtime.sync.operation = msgspec.structs.replace(
        going, state=state, message=message, finished=context.clock.wall(), results=results
    )


def _gating(run: Reconciliation, context: EngineContext) -> list[ObjectRef]:
    """Give the objects whose health decides: all that the unit applied and that are still wanted.

    What has ended and was removed, as it asks, has nothing more to say.
    """
    owned = {entry.ref: entry for entry in run.state.inventory.entries}
    if run.wanted is None:
        return sorted(owned)
    return [
        item.ref
        for item in run.wanted.prepared.desired
        if item.ref in owned
        and item.ref not in run.skipped
        and not item.options.ignore_health
        and not (ended(item, owned[item.ref]) and context.live(run.unit, item.ref) is Presence.ABSENT)
    ]


def _gate(run: Reconciliation, context: EngineContext) -> Verdict | None:
    """Judge what the unit's own readiness waits for; `None` where it waits for nothing."""
    gate, runtime = run.unit.gate, run.runtime
    verdict = None
    if gate.wait:
        verdict = run.verdict
    elif gate.checks:
        verdict = judge_objects(run, context, gate.checks, attempt_began(run))
    unready = run.verdict if verdict is None else verdict
    if unready is not None and unready.outcome is Outcome.GOOD:
        runtime.readiness.unready_since = 0.0
    else:
        runtime.readiness.unready_since = runtime.readiness.unready_since or run.now
    return verdict


def _late_good(run: Reconciliation) -> bool:
    """Say whether a unit has become healthy after its sync had been judged."""
    state, inputs = run.state, run.state.applied
    if inputs is None or not run.synced:
        return False
    mended = state.rollback_skipped is not None or (
        run.returning and state.held is not None and bool(state.held.stopped)
    )
    return state.good is None or state.good.digest != inputs.digest or mended


def _count(run: Reconciliation, context: EngineContext) -> None:
    """Tell the breaker how the unit is, where no sync of its own is under way: that one counts when it is judged."""
    if run.verdict is None or run.state.attempt is not None:
        return
    if run.verdict.outcome is Outcome.GOOD:
        context.breaker.recovered(run.unit.ref, run.now)
    else:
        changed = run.intent in (Intent.CHANGE, Intent.RETURN)
        context.breaker.sickened(run.unit.ref, sickness(run, changed=changed))


async def _store_quietly(run: Reconciliation, context: EngineContext) -> None:
    """Store what no attempt is about: a new revision of unchanged inputs, the managed fields that a heal changed."""
    runtime = run.runtime
    if not runtime.unstored or run.state.attempt is not None:
        return
    left = runtime.unstored + STORE_QUIETLY_AFTER - run.now
    if left > 0 and run.intent is None and not run.store_now:
        # Many units are about to do the same, and nobody waits for it.
        run.later(left, urgent=False)
    else:
        await store(run, context, run.state)


async def _failed(run: Reconciliation, context: EngineContext) -> None:
    """End an attempt whose writes failed; the next one comes after a growing pause, if time may help."""
    assert run.inputs is not None
    _end_operation(run, context)
    state, runtime, retry = run.state, run.runtime, run.unit.policy.retry
    failures = failures_of(state, run.inputs)
    changed = msgspec.structs.replace(
        with_history(run, context, "failed") if failures == 1 else state,
        attempt=None,
        failures=failures,
        failed_inputs=run.inputs.digest,
    )
    if run.operation is not None:
        changed = msgspec.structs.replace(changed, operation=run.operation.id)
    if told_try(failures):
        words = "; ".join(f"{error.ref}: {error.message}" for error in (*run.errors, *run.prune_errors))
        end_record(run, context, Ending.REFUSED if run.refused else Ending.FAILED, words, failures)
    runtime.sync.record = None
    if run.returning and (stopped := rollback_stopped(run, failures)) is not None:
        await store(run, context, msgspec.structs.replace(changed, held=stopped))
        return
    await store(run, context, changed)
    if retry.limit < 0 or failures <= retry.limit or any(error.retry for error in (*run.errors, *run.prune_errors)):
        retry_later(run, failures)
    else:
        runtime.retry_at = float("inf")
