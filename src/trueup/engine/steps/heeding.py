"""Requests by hand about a unit's inputs: pinning it to an earlier deployment, releasing it, and what a pin refuses."""

from __future__ import annotations

import msgspec

from trueup.core.pinning import CannotPin, Wish, answered
from trueup.core.reports import OperationReport, OperationState
from trueup.engine.attempts import wall
from trueup.engine.run import Parts, Run
from trueup.engine.steps.writing import store


async def heed(run: Run, parts: Parts) -> None:
    """Answer a request to pin or release the unit, once (storing it removes it), and take in what was proposed."""
    _take_in_offers(run, parts)
    request = parts.asked(run.unit.ref)
    state, memory = run.state, run.memory
    if request is None or request.token == state.asked:
        return
    memory.refused_request = ""
    try:
        changed = answered(state, request, wall(parts.clock.wall()))
    except CannotPin as error:
        memory.refused_request = f"the unit could not be pinned: {error}"
        changed = msgspec.structs.replace(state, asked=request.token)
    if request.wish is Wish.UNPIN and state.pin is not None:
        memory.released = request
    memory.retry_at = 0.0
    await store(run, parts, changed)


def _take_in_offers(run: Run, parts: Parts) -> None:
    state, memory = run.state, run.memory
    if memory.offered:
        offers = tuple(memory.offered.pop(item.revision, item) for item in state.offers)
        memory.offered.clear()
        memory.state = msgspec.structs.replace(state, offers=offers)
        memory.unstored = memory.unstored or run.now
        run.store_now = True
    if parts.propose is not None and any(item.pending for item in run.state.offers):
        parts.propose(run.unit.ref)


def refuse_operation(run: Run, parts: Parts, message: str) -> None:
    """Close an operation that cannot be carried out; the unit is looked at as if nobody had asked."""
    operation = run.operation
    if operation is None:
        return
    now = parts.clock.wall()
    run.memory.operation = OperationReport(
        state=OperationState.ERROR,
        revision=operation.revision or run.revision,
        started=now,
        finished=now,
        message=message,
        request=operation,
    )
    run.memory.state = msgspec.structs.replace(run.state, operation=operation.id)
    run.memory.unstored = run.memory.unstored or run.now
    run.store_now = True
    run.operation = None
