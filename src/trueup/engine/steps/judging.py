"""The verdict on a sync, as often as an event gives reason to ask, until it is final.

Good: these inputs become the unit's last good ones. Sick: the unit returns to the last good inputs, or says why not.
Failed writes end an attempt too, and are tried again after a growing pause.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from trueup.core.deployment import Ending
from trueup.core.health import Health, HealthStatus, judged
from trueup.core.live import Live, Presence
from trueup.core.objects import Inventory, ObjectRef
from trueup.core.past import stood_at, with_good
from trueup.core.reports import OperationState
from trueup.core.rollback import BREAKER_PAUSE, RETURN_TRIES, Decision, Situation, decide, policy_of
from trueup.core.state import Deployment, Held, Inputs, Stayed, UnitState
from trueup.core.verdict import Outcome, Verdict, judge
from trueup.engine.recording import end_draft, told_try
from trueup.engine.run import Intent, Parts, Run
from trueup.engine.steps.foreseeing import foresee
from trueup.engine.steps.writing import narrow, store

HISTORY_LIMIT = 10
STOPPED_ADVICE = "nothing more is tried until Git changes or somebody asks for a sync"
_FINE = Health(HealthStatus.HEALTHY)
STORE_AFTER = 2.0
"""Seconds after which what was written is stored although there is no verdict yet."""

STORE_QUIETLY_AFTER = 30.0
"""Seconds after which a mere new revision of unchanged inputs is stored."""


async def judge_outcome(run: Run, parts: Parts) -> None:
    """Take note of what was carried out, and judge it."""
    if run.inputs is None or run.out_of_sync or (run.operation is not None and run.operation.dry_run):
        _end_operation(run, parts)
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
            await _sick(run, parts)
        else:
            await _pending(run, parts)
    elif run.verdict.outcome is Outcome.GOOD and _late_good(run):
        _remember_good(run, parts)
        run.store_now = True
    _count(run, parts)
    await _store_quietly(run, parts)
    run.gate = _gate(run, parts)


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
    state = _with_history(run, parts, "good")
    _remember_good(run, parts)
    kept = run.state
    end_draft(run, parts, Ending.GOOD, "everything is applied and healthy")
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
    since = attempt.started_at if attempt else _wall(parts.clock.wall())
    run.memory.undecided = ""
    run.memory.state = msgspec.structs.replace(
        state,
        good=state.applied,
        past=with_good(past, state.applied, state.next_id, since, attempt.id if attempt else ""),
        held=msgspec.structs.replace(state.held, stopped="") if state.held else None,
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


async def _sick(run: Run, parts: Parts) -> None:
    """Return to the last good inputs, or stay and say why."""
    assert run.verdict is not None and run.inputs is not None
    state, memory, inputs = run.state, run.memory, run.inputs
    decision = await _decision(run, parts)
    if decision.later:
        memory.undecided = decision.reason
        run.later(BREAKER_PAUSE)
        await _pending(run, parts)
        return
    memory.undecided = ""
    message, now = run.verdict.message, _wall(parts.clock.wall())
    ended = msgspec.structs.replace(
        _with_history(run, parts, "sick"),
        attempt=None,
        applied=inputs if run.synced else state.applied,
        failures=_failures(state, inputs),
        failed_inputs=inputs.digest,
    )
    if decision.returns and decision.good is not None:
        back = decision.good.revision
        reason = f"it made this unit unhealthy ({message})"
        ended = msgspec.structs.replace(
            ended,
            held=Held(
                inputs=inputs.digest,
                revision=inputs.revision,
                reason=reason,
                since=now,
                returned_to=back,
                sync=state.attempt.id if state.attempt else "",
                objects=inputs.objects,
                values=inputs.values,
                spec=run.unit.spec_digest,
            ),
            stayed=None,
            failures=0,
            failed_inputs="",
        )
        if memory.operation is not None:
            memory.operation = msgspec.structs.replace(
                memory.operation,
                state=OperationState.FAILED,
                message=f"{reason}; returned to {back}",
                finished=parts.clock.wall(),
            )
        end_draft(run, parts, Ending.RETURNED, f"{reason}; returned to {back}")
        run.again()
    elif run.returning and state.held is not None:
        stopped = f"the return to {inputs.revision} did not become healthy either ({message}); {STOPPED_ADVICE}"
        ended = msgspec.structs.replace(ended, held=msgspec.structs.replace(state.held, stopped=stopped))
        end_draft(run, parts, Ending.SICK, f"{message}; left in place, because {decision.reason}")
    else:
        ended = msgspec.structs.replace(ended, stayed=Stayed(inputs.digest, decision.reason, now))
        end_draft(run, parts, Ending.SICK, f"{message}; left in place, because {decision.reason}")
    if not decision.returns and not run.synced and not run.returning:
        _retry_later(run, ended.failures)
    await store(run, parts, ended)


async def _decision(run: Run, parts: Parts) -> Decision:
    """Ask the rules; only where all of them would have it return, what stands in the way is looked for."""
    assert run.verdict is not None and run.inputs is not None
    unit, state, memory = run.unit, run.state, run.memory
    parts.breaker.sickened(unit.ref, run.now, changed=True)
    case = Situation(
        policy=policy_of(unit, state),
        state=state,
        inputs=run.inputs,
        sick=tuple(item.ref for item in run.verdict.sick),
        touched=frozenset(entry.ref for entry in state.inventory.entries if entry.digest != entry.good),
        sickened=parts.breaker.together(
            unit.ref, memory.started, run.now, explained=parts.registry.dependents(unit.ref)
        ),
        units=len(parts.registry),
    )
    decision = decide(case)
    if decision.good is None:
        return decision
    return decide(msgspec.structs.replace(case, obstacles=await foresee(run, parts, decision.good)))


async def _pending(run: Run, parts: Parts) -> None:
    """Store what was written when the verdict takes long; until then it is cheap to find again."""
    unstored = run.memory.unstored
    if not unstored:
        return
    left = unstored + STORE_AFTER - run.now
    if left > 0:
        run.later(left)
    else:
        await store(run, parts, run.state)


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
    failures = _failures(state, run.inputs)
    changed = msgspec.structs.replace(
        _with_history(run, parts, "failed") if failures == 1 else state,
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
    if run.returning and state.held is not None:
        errors = (*run.errors, *run.prune_errors)
        if failures >= RETURN_TRIES or not all(error.retry for error in errors):
            words = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
            stopped = f"the return to {run.inputs.revision} failed too ({words}); {STOPPED_ADVICE}"
            changed = msgspec.structs.replace(changed, held=msgspec.structs.replace(state.held, stopped=stopped))
            await store(run, parts, changed)
            return
    await store(run, parts, changed)
    if retry.limit < 0 or failures <= retry.limit or any(error.retry for error in (*run.errors, *run.prune_errors)):
        _retry_later(run, failures)
    else:
        memory.retry_at = float("inf")


def _retry_later(run: Run, failures: int) -> None:
    retry = run.unit.policy.retry
    pause = min(retry.base * retry.factor ** min(failures - 1, 20), retry.cap)
    run.memory.retry_at = run.now + pause
    run.later(pause)


def _failures(state: UnitState, inputs: Inputs) -> int:
    return state.failures + 1 if state.failed_inputs == inputs.digest else 1


def _with_history(run: Run, parts: Parts, outcome: str) -> UnitState:
    """Add the attempt to the short history that the user's object shows."""
    assert run.inputs is not None
    state, attempt, inputs = run.state, run.state.attempt, run.inputs
    finished = _wall(parts.clock.wall())
    deployment = Deployment(
        id=state.next_id,
        revision=inputs.revision,
        started_at=attempt.started_at if attempt else finished,
        finished_at=finished,
        outcome=outcome,
        digest=inputs.objects,
        initiator="rollback"
        if run.returning or run.intent is Intent.RETURN
        else (attempt.operation if attempt else ""),
        sync=attempt.id if attempt else "",
    )
    history = (*state.history, deployment)[-HISTORY_LIMIT:]
    return msgspec.structs.replace(state, history=history, next_id=state.next_id + 1)


def _wall(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds")
