"""What follows when a sync has made its unit sick: the return to the last good inputs, or a reason against it.

A return is decided once for the inputs that failed. One that does not succeed stops and says both reasons.
"""

from __future__ import annotations

import msgspec

from trueup.core.health import HealthStatus
from trueup.core.model.artifact import Revision
from trueup.core.model.deployment_record import Ending
from trueup.core.model.objects import LOCAL, ObjectRef
from trueup.core.model.reports import OperationState
from trueup.core.model.state import Held, Inputs, RevertProposal, RollbackSkipped
from trueup.core.rollback.decision import (
    BREAKER_PAUSE,
    RETURN_TRIES,
    Decision,
    Situation,
    decide,
    policy_of,
    with_offer,
)
from trueup.core.wording import cut
from trueup.engine.context import EngineContext
from trueup.engine.coordination.breaker import Sickness
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.records.attempts import failures_of, pending, retry_later, wall, with_history
from trueup.engine.records.recording import end_record
from trueup.engine.rollback.preflight import rollback_preflight
from trueup.engine.state import store

FAILED_KEPT = 1000
"""Characters of what failed that are kept for the proposal's text."""

STOPPED_ADVICE = "nothing more is tried until Git changes or somebody asks for a sync"


async def handle_unhealthy(run: Reconciliation, context: EngineContext) -> None:
    """Return to the last good inputs, or stay and say why."""
    assert run.verdict is not None and run.inputs is not None
    state, runtime, inputs = run.state, run.runtime, run.inputs
    decision = await _decision(run, context)
    if decision.later:
        runtime.rollback.undecided = decision.reason
        run.later(BREAKER_PAUSE)
        await pending(run, context)
        return
    runtime.rollback.undecided = ""
    message, now = run.verdict.message, wall(context.clock.wall())
    revision = state.attempt.revision if state.attempt else inputs.revision
    ended = msgspec.structs.replace(
        with_history(run, context, "sick"),
        attempt=None,
        applied=inputs if run.synced else state.applied,
        failures=failures_of(state, inputs),
        failed_inputs=inputs.digest,
    )
    if decision.proposes and context.propose is not None and state.good is not None:
        paths = run.wanted.paths if run.wanted else ()
        offer = RevertProposal(inputs.digest, revision, state.good.revision, cut(message, FAILED_KEPT), paths)
        offer = _of_source(offer, inputs, state.good, run.unit.source)
        ended = msgspec.structs.replace(ended, proposals=with_offer(state.proposals, offer))
        context.propose(run.unit.ref)
    if decision.returns and decision.good is not None:
        back = decision.good.revision
        ended = msgspec.structs.replace(
            ended,
            held=Held(
                inputs=inputs.digest,
                revision=revision,
                reason=message,
                since=now,
                returned_to=back,
                sync=state.attempt.id if state.attempt else "",
                objects=inputs.objects,
                values=inputs.values,
                spec=run.unit.spec_digest,
                revisions=inputs.revisions if inputs.others else (),
                returned_revisions=decision.good.revisions if decision.good.others else (),
            ),
            rollback_skipped=None,
            failures=0,
            failed_inputs="",
        )
        if runtime.sync.operation is not None:
            runtime.sync.operation = msgspec.structs.replace(
                runtime.sync.operation,
                state=OperationState.FAILED,
                message=f"{message}; returned to {decision.good.words}",
                finished=context.clock.wall(),
            )
        end_record(run, context, Ending.RETURNED, f"{message}; returned to {decision.good.words}")
        run.again()
    elif run.returning and state.held is not None:
        stopped = f"the return to {inputs.words} did not become healthy either ({message}); {STOPPED_ADVICE}"
        ended = msgspec.structs.replace(ended, held=msgspec.structs.replace(state.held, stopped=stopped))
        end_record(run, context, Ending.SICK, f"{message}; left in place, because {decision.reason}")
    else:
        ended = msgspec.structs.replace(ended, rollback_skipped=RollbackSkipped(inputs.digest, decision.reason, now))
        end_record(run, context, Ending.SICK, f"{message}; left in place, because {decision.reason}")
    if not decision.returns and not run.synced and not run.returning:
        retry_later(run, ended.failures)
    await store(run, context, ended)


async def _decision(run: Reconciliation, context: EngineContext) -> Decision:
    """Ask the rules; only where all of them would have it return, what stands in the way is looked for."""
    assert run.verdict is not None and run.inputs is not None
    unit, state, runtime = run.unit, run.state, run.runtime
    commit = _commit(state.attempt.revision if state.attempt else run.inputs.revision)
    degraded = any(item.health.status is HealthStatus.DEGRADED for item in run.verdict.sick)
    context.breaker.sickened(unit.ref, Sickness(run.now, True, commit, degraded))
    case = Situation(
        policy=policy_of(unit, state),
        state=state,
        inputs=run.inputs,
        sick=tuple(item.ref for item in run.verdict.sick if not item.before),
        touched=frozenset(entry.ref for entry in state.inventory.entries if entry.digest != entry.good),
        sickened=context.breaker.together(
            unit.ref, runtime.sync.started, run.now, _explained(unit.ref, context), commit
        ),
        units=len(context.registry),
        proposes=unit.propose_revert,
        chosen=run.declared is not None and run.declared.inputs.digest != run.inputs.digest and not run.returning,
    )
    decision = decide(case)
    if decision.good is None:
        return decision
    return decide(msgspec.structs.replace(case, obstacles=await rollback_preflight(run, context, decision.good)))


def _of_source(offer: RevertProposal, bad: Inputs, good: Inputs, first: ObjectRef) -> RevertProposal:
    """Say of which source a revert is: of the one that has moved. Where several have, nobody knows which it was."""
    before = {other.source: other.revision for other in good.others}
    # Sources that follow one revision of a repository are polled as one, and move together.
    moved = {
        other.source: other
        for other in bad.others
        if other.source != first and before.get(other.source) != other.revision
    }
    if not moved:
        # What was read is told of the first source that is rendered: it must be the first one, and that alone.
        alone = bad.recipe is not None and all(other.source != first for other in bad.others)
        return offer if alone else msgspec.structs.replace(offer, paths=())
    if bad.revision != good.revision or len(moved) > 1:
        return msgspec.structs.replace(offer, refused="several of its sources have moved at once")
    one = next(iter(moved.values()))
    return msgspec.structs.replace(
        offer, source=one.source, revision=one.revision, good=before.get(one.source, ""), paths=()
    )


def _explained(ref: ObjectRef, context: EngineContext) -> frozenset[ObjectRef]:
    """Give the units whose sickness that of one explains: all that depend on it, and those that deliver it."""
    found, ahead = set(context.registry.dependents(ref)), [ref]
    while ahead:
        above = set(context.owners.owners(LOCAL, ahead.pop())) - found
        found |= above
        ahead.extend(above)
    return frozenset(found - {ref})


def _commit(revision: str) -> str:
    try:
        return Revision.parse(revision).id
    except ValueError:
        return revision


def rollback_stopped(run: Reconciliation, tries: int) -> Held | None:
    """Give what is held, with why its return is not tried again; `None` where time may mend what failed."""
    assert run.inputs is not None
    errors = (*run.errors, *run.prune_errors)
    held = run.state.held
    if held is None or (tries < RETURN_TRIES and all(error.retry for error in errors)):
        return None
    words = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
    stopped = f"the return to {run.inputs.words} failed too ({words}); {STOPPED_ADVICE}"
    return msgspec.structs.replace(held, stopped=stopped)
