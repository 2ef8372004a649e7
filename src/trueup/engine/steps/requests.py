"""Requests by hand about a unit's inputs: pinning it to an earlier deployment, releasing it, and what a pin refuses."""

from __future__ import annotations

import msgspec

from trueup.core.rollback.pinning import CannotPin, PinAction, answered
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.records.attempts import wall
from trueup.engine.state import change, store


async def handle_requests(run: Reconciliation, context: EngineContext) -> None:
    """Answer a request to pin or release the unit, once (storing it removes it), and take in what was proposed."""
    _take_in_offers(run, context)
    request = context.asked(run.unit.ref)
    state, runtime = run.state, run.runtime
    if request is None or request.token == state.asked:
        return
    runtime.pinning.refused = ""
    try:
        changed = answered(state, request, wall(context.clock.wall()))
    except CannotPin as error:
        runtime.pinning.refused = f"the unit could not be pinned: {error}"
        changed = msgspec.structs.replace(state, asked=request.token)
    if request.wish is PinAction.UNPIN and state.pin is not None:
        runtime.pinning.released = request
    runtime.retry_at = 0.0
    await store(run, context, changed)


def _take_in_offers(run: Reconciliation, context: EngineContext) -> None:
    state, runtime = run.state, run.runtime
    if runtime.rollback.proposals_made:
        offers = tuple(runtime.rollback.proposals_made.pop(item.revision, item) for item in state.proposals)
        runtime.rollback.proposals_made.clear()
        change(run, msgspec.structs.replace(state, proposals=offers), soon=True)
    if context.propose is not None and any(item.pending for item in run.state.proposals):
        context.propose(run.unit.ref)
