"""Looking ahead: what would stand in the way of a return, found out before anything is promised or written."""

from __future__ import annotations

import asyncio

import msgspec

from trueup.core.model.state import Inputs
from trueup.core.plan.tasks import Action, Step
from trueup.core.ports import ApplyError
from trueup.core.rollback.obstacles import Obstacle, guarded, obstacles, refusal, rollback_plan
from trueup.engine.context import EngineContext
from trueup.engine.inputs import earlier
from trueup.engine.planning import acting_of, plan_towards
from trueup.engine.reconciliation import Halt, Reconciliation


async def rollback_preflight(run: Reconciliation, context: EngineContext, good: Inputs) -> tuple[Obstacle, ...]:
    """Plan the return to `good`, ask the rules, then try it out at the API server; gives what stands in the way."""
    try:
        rendering = await earlier(run, context, good)
    except Halt as halt:
        return (Obstacle("not-to-be-had", run.unit.ref, halt.message),)
    wanted = rendering.prepared.desired
    unit = run.unit
    await context.delivery(unit).observe(unit, [item.ref for item in wanted])
    plan = await plan_towards(run, context, wanted)
    found = obstacles(
        plan,
        run.state.inventory,
        lambda ref: context.live(unit, ref),
        past_jobs=unit.past_jobs,
    )
    if found:
        return found
    steps = rollback_plan(plan).plan.writes
    tried = await asyncio.gather(*(_tried(step, run, context) for step in steps))
    return tuple(item for item in tried if item is not None)


async def _tried(step: Step, run: Reconciliation, context: EngineContext) -> Obstacle | None:
    """Dry-run one step. What time may mend is no obstacle: the return itself is tried again then."""
    if step.action not in (Action.CHANGE, Action.CREATE):
        return None
    acting = acting_of(run)
    if guarded(step):
        acting = msgspec.structs.replace(acting, force=False, replace=False)
    try:
        await context.delivery(run.unit).try_out(run.unit, step, acting)
    except ApplyError as error:
        return None if error.retry else refusal(step.ref, error.message)
    return None
