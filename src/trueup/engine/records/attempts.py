"""What every end of an attempt needs: its entry in the short history, its count of failures, when to try again."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.core.model.state import HistoryEntry, Inputs, UnitState
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Intent, Reconciliation
from trueup.engine.state import store

HISTORY_LIMIT = 10
STORE_AFTER = 2.0
"""Seconds after which what was written is stored although there is no verdict yet."""


async def pending(run: Reconciliation, context: EngineContext) -> None:
    """Store what was written when the verdict takes long; until then it is cheap to find again."""
    unstored = run.runtime.unstored
    if not unstored:
        return
    left = unstored + STORE_AFTER - run.now
    if left > 0:
        run.later(left)
    else:
        await store(run, context, run.state)


def retry_later(run: Reconciliation, failures: int) -> None:
    """Have the same inputs tried again, after a pause that grows with each failure."""
    retry = run.unit.policy.retry
    pause = min(retry.base * retry.factor ** min(failures - 1, 20), retry.cap)
    run.runtime.retry_at = run.now + pause
    run.later(pause)


def failures_of(state: UnitState, inputs: Inputs) -> int:
    """Count one more failure of these inputs in a row."""
    return state.failures + 1 if state.failed_inputs == inputs.digest else 1


def with_history(run: Reconciliation, context: EngineContext, outcome: str) -> UnitState:
    """Add the attempt to the short history that the user's object shows."""
    assert run.inputs is not None
    state, attempt, inputs = run.state, run.state.attempt, run.inputs
    finished = wall(context.clock.wall())
    deployment = HistoryEntry(
        id=state.next_id,
        revision=inputs.revision,
        started_at=attempt.started_at if attempt else finished,
        finished_at=finished,
        outcome=outcome,
        digest=inputs.objects,
        initiator="rollback"
        if run.returning or run.intent is Intent.RETURN
        else (attempt.initiator or attempt.operation if attempt else ""),
        sync=attempt.id if attempt else "",
        revisions=inputs.revisions if inputs.others else (),
    )
    history = (*state.history, deployment)[-HISTORY_LIMIT:]
    return msgspec.structs.replace(state, history=history, next_id=state.next_id + 1)


def wall(when: datetime) -> str:
    """Write a time as it is stored."""
    return when.isoformat(timespec="milliseconds")
