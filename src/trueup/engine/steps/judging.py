"""The verdict on a sync, as often as an event gives reason to ask, until it is final.

Good: these inputs become the unit's last good ones. Sick: the unit returns to the last good inputs, or says why not.
Failed writes end an attempt too, and are tried again after a growing pause.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trueup.core.deployment import Ending
from trueup.core.health import Health, HealthStatus, judged
from trueup.core.live import Live, Presence
from trueup.core.objects import Inventory, ObjectRef
from trueup.core.past import stood_at, with_good
from trueup.core.reports import OperationState
from trueup.core.state import Inputs
from trueup.core.verdict import Outcome, Verdict, judge
from trueup.engine.attempts import failures_of, pending, retry_later, wall, with_history
from trueup.engine.recording import end_draft, told_try
from trueup.engine.run import Intent, Parts, Run
from trueup.engine.steps.returning import return_stopped, sick
from trueup.engine.steps.writing import narrow, store

_FINE = Health(HealthStatus.HEALTHY)
STORE_QUIETLY_AFTER = 30.0
"""Seconds after which a mere new revision of unchanged inputs is stored."""


async def judge_outcome(run: Run, parts: Parts) -> None:
    """Take note of what was carried out, and judge it."""
    if run.inputs is None or run.out_of_sync or (run.operation is not None and run.operation.dry_run):
        _end_operation(run, parts)
        if run.out_of_sync:
            await judge_meanwhile(run, parts)
        return
    if run.errors or run.prune_errors:
        await _failed(run, parts)
        return
    _adopt(run)
    _end_operation(run, parts)
    if run.intent is Intent.HEAL and run.synced:
        end_draft(run, parts, Ending.GOOD, "what had drifted is as Git says again")
    run.verdict = _judge(run, parts, _gating(run), _started(run))
    if run.state.attempt is not None:
        if run.verdict.outcome is Outcome.GOOD and run.waiting == "":
            await _good(run, parts)
        elif run.verdict.outcome is Outcome.SICK:
            await sick(run, parts)
        else:
            await pending(run, parts)
    elif run.verdict.outcome is Outcome.GOOD and _late_good(run):
        _remember_good(run, parts)
        run.store_now = True
    _count(run, parts)
    await _store_quietly(run, parts)
    run.gate = _gate(run, parts)


async def judge_meanwhile(run: Run, parts: Parts) -> None:
    """Judge the sync under way of a unit that does not go on with it now: it waits, or Git says something else.

    It would be left sick otherwise, for as long as that lasts.
    """
    state = run.state
    attempt, applied = state.attempt, state.applied
    if attempt is None:
        return
    refs = sorted(state.inventory.refs)
    await parts.target.watch(frozenset((ref.group, ref.kind) for ref in refs))
    done = applied is not None and applied.digest == attempt.inputs
    known = run.memory.renderings.get(attempt.inputs)
    inputs = applied if done else (known.inputs if known else Inputs(attempt.inputs, attempt.revision))
    run.inputs, run.wanted, run.synced = inputs, None, done
    run.verdict = _judge(run, parts, refs, _started(run))
    if run.verdict.outcome is Outcome.SICK:
        await sick(run, parts)
    elif run.verdict.outcome is Outcome.GOOD and done:
        await _good(run, parts)
    else:
        await pending(run, parts)


def _adopt(run: Run) -> None:
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
    if plan is not None and plan.blocking:
        # What a guard forbids is looked at again after a restart: the tree must not vouch for it.
        inputs = msgspec.structs.replace(inputs, tree="")
    if run.settled and run.resolved is not None:
        inputs = msgspec.structs.replace(inputs, revision=run.revision, tree=run.resolved.tree)
    changed = state
    if state.applied != inputs:
        good = inputs if state.good is not None and state.good.digest == inputs.digest else state.good
        changed = msgspec.structs.replace(changed, applied=inputs, good=good)
    if run.operation is not None:
        changed = msgspec.structs.replace(changed, operation=run.operation.id)
        if run.operation.revision or run.operation.recipe is not None:
            # What was asked for need not be what Git says: how the unit stands is seen by the next look.
            run.again()
    if changed != state:
        run.memory.state = changed
        run.memory.unstored = run.memory.unstored or run.now


def _end_operation(run: Run, parts: Parts) -> None:
    """Close the operation on show once everything is applied."""
    memory = run.memory
    if run.synced:
        memory.retry_at = 0.0
    going = memory.operation
    if going is None or going.state is not OperationState.RUNNING:
        return
    results = tuple(memory.results.values())
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
        memory.operation = msgspec.structs.replace(going, results=results, message=run.waiting)
        return
    memory.operation = msgspec.structs.replace(
        going, state=state, message=message, finished=parts.clock.wall(), results=results
    )


def _gating(run: Run) -> list[ObjectRef]:
    """Give the objects whose health decides: all that the unit applied and that are still wanted."""
    owned = run.state.inventory.refs
    if run.wanted is None:
        return sorted(owned)
    return [
        item.ref
        for item in run.wanted.prepared.desired
        if item.ref in owned and item.ref not in run.skipped and not item.options.ignore_health
    ]


def _started(run: Run) -> float:
    memory = run.memory
    if run.state.attempt is not None:
        return memory.started
    return memory.unready or run.now


def _judge(run: Run, parts: Parts, refs: Iterable[ObjectRef], started: float) -> Verdict:
    memory = run.memory

    def seen_by(ref: ObjectRef) -> Live | Presence:
        return _seen(run, parts, ref)

    listed = list(refs)
    for ref in listed:
        seen = seen_by(ref)
        if isinstance(seen, Live) and seen.health.status is HealthStatus.DEGRADED:
            memory.degraded.setdefault(ref, run.now)
        else:
            memory.degraded.pop(ref, None)
    verdict = judge(
        listed,
        seen_by,
        memory.degraded.get,
        started,
        run.unit.gate.timeout,
        run.now,
    )
    if verdict.outcome is Outcome.PENDING:
        run.later(verdict.again_at - run.now)
    return verdict


def _seen(run: Run, parts: Parts, ref: ObjectRef) -> Live | Presence:
    """Give what lives, judged by the rules of the unit's dialect."""
    seen = parts.target.live(ref, run.unit.field_manager)
    if isinstance(seen, Presence):
        return seen
    if run.unit.gate.kstatus:
        return seen if seen.reconciled is None else msgspec.structs.replace(seen, health=seen.reconciled)
    return seen if judged(ref.group, ref.kind) else msgspec.structs.replace(seen, health=_FINE)


def _gate(run: Run, parts: Parts) -> Verdict | None:
    """Judge what the unit's own readiness waits for; `None` where it waits for nothing."""
    gate, memory = run.unit.gate, run.memory
    verdict = None
    if gate.wait:
        verdict = run.verdict
    elif gate.checks:
        verdict = _judge(run, parts, gate.checks, _started(run))
    unready = run.verdict if verdict is None else verdict
    if unready is not None and unready.outcome is Outcome.GOOD:
        memory.unready = 0.0
    else:
        memory.unready = memory.unready or run.now
    return verdict


async def _good(run: Run, parts: Parts) -> None:
    state = with_history(run, parts, "good")
    _remember_good(run, parts)
    kept = run.state
    why = f"; it went back: {state.held.reason}" if run.returning and state.held else ""
    end_draft(run, parts, Ending.GOOD, f"everything is applied and healthy{why}")
    if parts.culprits:
        run.again()
    run.memory.checked_for = max(0.0, run.now - run.memory.started)
    await store(
        run,
        parts,
        msgspec.structs.replace(
            kept, attempt=None, failures=0, failed_inputs="", history=state.history, next_id=state.next_id
        ),
    )


def _late_good(run: Run) -> bool:
    """Say whether a unit has become healthy after its sync had been judged."""
    state, inputs = run.state, run.state.applied
    if inputs is None or not run.synced:
        return False
    mended = state.stayed is not None or (run.returning and state.held is not None and bool(state.held.stopped))
    return state.good is None or state.good.digest != inputs.digest or mended


def _remember_good(run: Run, parts: Parts) -> None:
    state = run.state
    assert state.applied is not None
    attempt = state.attempt
    entries = (msgspec.structs.replace(entry, good=entry.digest) for entry in state.inventory.entries)
    past = state.past if state.good is None else stood_at(state.past, state.good)
    since = attempt.started_at if attempt else wall(parts.clock.wall())
    id, sync = state.next_id, attempt.id if attempt else ""
    if attempt is None and state.history:
        # It became healthy after its sync had been judged: the entry is there already.
        id, sync = state.history[-1].id, state.history[-1].sync
    run.memory.undecided = ""
    run.memory.state = msgspec.structs.replace(
        state,
        good=state.applied,
        past=with_good(past, state.applied, id, since, sync, attempt.revision if attempt else ""),
        held=msgspec.structs.replace(state.held, stopped="", returned_to=state.applied.revision)
        if state.held
        else None,
        stayed=None,
        inventory=Inventory(tuple(entries)),
    )
    run.memory.unstored = run.memory.unstored or run.now


def _count(run: Run, parts: Parts) -> None:
    """Tell the breaker how the unit is, where no sync of its own is under way: that one counts when it is judged."""
    if run.verdict is None or run.state.attempt is not None:
        return
    if run.verdict.outcome is Outcome.GOOD:
        parts.breaker.recovered(run.unit.ref, run.now)
    else:
        parts.breaker.sickened(run.unit.ref, run.now, changed=run.intent in (Intent.CHANGE, Intent.RETURN))


async def _store_quietly(run: Run, parts: Parts) -> None:
    """Store what no attempt is about: a new revision of unchanged inputs, a seal that a heal changed."""
    memory = run.memory
    if not memory.unstored or run.state.attempt is not None:
        return
    left = memory.unstored + STORE_QUIETLY_AFTER - run.now
    if left > 0 and run.intent is None and not run.store_now:
        run.later(left)
    else:
        await store(run, parts, run.state)


async def _failed(run: Run, parts: Parts) -> None:
    """End an attempt whose writes failed; the next one comes after a growing pause, if time may help."""
    assert run.inputs is not None
    _end_operation(run, parts)
    state, memory, retry = run.state, run.memory, run.unit.policy.retry
    failures = failures_of(state, run.inputs)
    changed = msgspec.structs.replace(
        with_history(run, parts, "failed") if failures == 1 else state,
        attempt=None,
        failures=failures,
        failed_inputs=run.inputs.digest,
    )
    if run.operation is not None:
        changed = msgspec.structs.replace(changed, operation=run.operation.id)
    if told_try(failures):
        words = "; ".join(f"{error.ref}: {error.message}" for error in (*run.errors, *run.prune_errors))
        end_draft(run, parts, Ending.REFUSED if run.refused else Ending.FAILED, words, failures)
    memory.draft = None
    if run.returning and (stopped := return_stopped(run, failures)) is not None:
        await store(run, parts, msgspec.structs.replace(changed, held=stopped))
        return
    await store(run, parts, changed)
    if retry.limit < 0 or failures <= retry.limit or any(error.retry for error in (*run.errors, *run.prune_errors)):
        retry_later(run, failures)
    else:
        memory.retry_at = float("inf")
