"""The unit's state: stored by compare-and-swap, and narrowed to what is still owned."""

from __future__ import annotations

import msgspec

from trueup.core.model.objects import Inventory
from trueup.core.model.state import UnitState
from trueup.core.plan.plan import Plan
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation


async def store(run: Reconciliation, context: EngineContext, state: UnitState) -> None:
    """Write the unit's state by compare-and-swap, and remember it."""
    context.fence.check()
    await context.states.put(run.unit, state)
    run.runtime.state = state
    run.runtime.unstored = 0.0


def narrow(run: Reconciliation, plan: Plan) -> None:
    """Leave only what stays in the inventory: what the plan keeps, and what could not be removed."""
    state = run.state
    current = {entry.ref: entry for entry in state.inventory.entries}
    staying = {entry.ref for entry in plan.keep.entries} | {error.ref for error in run.prune_errors}
    inventory = Inventory.of(entry for ref, entry in current.items() if ref in staying)
    inventory = inventory.union(entry for entry in plan.keep.entries if entry.ref not in current)
    if inventory != state.inventory:
        run.store_now = True
        run.runtime.unstored = run.runtime.unstored or run.now
        run.runtime.state = msgspec.structs.replace(state, inventory=inventory)
