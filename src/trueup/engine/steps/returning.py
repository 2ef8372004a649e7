"""What follows when a sync has made its unit sick: the return to the last good inputs, or a reason against it.

A return is decided once for the inputs that failed. One that does not succeed stops and says both reasons.
"""

from __future__ import annotations

import msgspec

from trueup.core.deployment import Ending
from trueup.core.reports import OperationState
from trueup.core.rollback import BREAKER_PAUSE, RETURN_TRIES, Decision, Situation, decide, policy_of, with_offer
from trueup.core.state import Held, Offer, Stayed
from trueup.engine.attempts import failures_of, pending, retry_later, wall, with_history
from trueup.engine.recording import end_draft
from trueup.engine.run import Parts, Run
from trueup.engine.steps.foreseeing import foresee
from trueup.engine.steps.writing import store

FAILED_KEPT = 1000
"""Characters of what failed that are kept for the proposal's text."""

STOPPED_ADVICE = "nothing more is tried until Git changes or somebody asks for a sync"


async def sick(run: Run, parts: Parts) -> None:
    """Return to the last good inputs, or stay and say why."""
    assert run.verdict is not None and run.inputs is not None
    state, memory, inputs = run.state, run.memory, run.inputs
    decision = await _decision(run, parts)
    if decision.later:
        memory.undecided = decision.reason
        run.later(BREAKER_PAUSE)
        await pending(run, parts)
        return
    memory.undecided = ""
    message, now = run.verdict.message, wall(parts.clock.wall())
    revision = state.attempt.revision if state.attempt else inputs.revision
    ended = msgspec.structs.replace(
        with_history(run, parts, "sick"),
        attempt=None,
        applied=inputs if run.synced else state.applied,
        failures=failures_of(state, inputs),
        failed_inputs=inputs.digest,
    )
    if decision.proposes and parts.propose is not None and state.good is not None:
        paths = run.wanted.paths if run.wanted else ()
        offer = Offer(inputs.digest, revision, state.good.revision, message[:FAILED_KEPT], paths)
        ended = msgspec.structs.replace(ended, offers=with_offer(state.offers, offer))
        parts.propose(run.unit.ref)
    if decision.returns and decision.good is not None:
        back = decision.good.revision
        reason = f"it made this unit unhealthy ({message})"
        ended = msgspec.structs.replace(
            ended,
            held=Held(
                inputs=inputs.digest,
                revision=revision,
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
        retry_later(run, ended.failures)
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
        proposes=unit.propose_revert,
        chosen=run.declared is not None and run.declared.inputs.digest != run.inputs.digest and not run.returning,
    )
    decision = decide(case)
    if decision.good is None:
        return decision
    return decide(msgspec.structs.replace(case, obstacles=await foresee(run, parts, decision.good)))


def return_stopped(run: Run, tries: int) -> Held | None:
    """Give what is held, with why its return is not tried again; `None` where time may mend what failed."""
    assert run.inputs is not None
    errors = (*run.errors, *run.prune_errors)
    held = run.state.held
    if held is None or (tries < RETURN_TRIES and all(error.retry for error in errors)):
        return None
    words = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
    stopped = f"the return to {run.inputs.revision} failed too ({words}); {STOPPED_ADVICE}"
    return msgspec.structs.replace(held, stopped=stopped)
