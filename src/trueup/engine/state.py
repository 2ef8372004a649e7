"""The unit's state: the one place where it is changed, stored by compare-and-swap, and narrowed to what is owned.

What is changed is stored with the verdict of the sync under way, or a while later where none is (`judging`); what must
outlast a crash from now on is stored at once.
"""

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
    tell_taken(run, context)


def tell_taken(run: Reconciliation, context: EngineContext) -> None:
    """Have the other units know what this one has written: one of them may wait until an object is taken over."""
    unit = run.unit
    for other in context.owners.own(unit.ref, unit.target.cluster, run.state.inventory.held):
        context.requeue(other)


def change(run: Reconciliation, state: UnitState, *, soon: bool = False) -> None:
    """Remember a state, and have it stored: with the verdict, after some time without one, or `soon`."""
    if state == run.state and not soon:
        return
    run.runtime.state = state
    run.runtime.unstored = run.runtime.unstored or run.now
    run.store_now = run.store_now or soon


def remember(run: Reconciliation, state: UnitState) -> None:
    """Remember a state that is found again after a crash: it is stored when something else is."""
    run.runtime.state = state


def narrow(run: Reconciliation, plan: Plan) -> None:
    """Leave only what stays in the inventory: what the plan keeps, and what could not be removed."""
    state = run.state
    current = {entry.ref: entry for entry in state.inventory.entries}
    staying = {entry.ref for entry in plan.keep.entries} | {error.ref for error in run.prune_errors} | run.left
    inventory = Inventory.of(entry for ref, entry in current.items() if ref in staying)
    inventory = inventory.union(entry for entry in plan.keep.entries if entry.ref not in current)
    if inventory != state.inventory:
        change(run, msgspec.structs.replace(state, inventory=inventory), soon=True)
