"""Looking ahead: what would stand in the way of a return, found out before anything is promised or written."""

from __future__ import annotations

import asyncio

import msgspec

from trueup.core.obstacles import Obstacle, guarded, obstacles, refusal, way_back
from trueup.core.plan import Action, Step
from trueup.core.ports import Acting, ApplyError
from trueup.core.state import Inputs
from trueup.engine.run import Halt, Parts, Run
from trueup.engine.steps.comparing import plan_towards
from trueup.engine.steps.rendering import earlier
from trueup.engine.steps.writing import acting_of


async def foresee(run: Run, parts: Parts, good: Inputs) -> tuple[Obstacle, ...]:
    """Plan the return to `good`, ask the rules, then try it out at the API server; gives what stands in the way."""
    try:
        rendering = await earlier(run, parts, good)
    except Halt as halt:
        return (Obstacle("not-to-be-had", run.unit.ref, halt.message),)
    wanted = rendering.prepared.desired
    await parts.target.watch(frozenset((item.ref.group, item.ref.kind) for item in wanted))
    plan = await plan_towards(run, parts, wanted)
    manager = run.unit.field_manager
    found = obstacles(
        plan,
        run.state.inventory,
        lambda ref: parts.target.live(ref, manager),
        past_jobs=run.unit.past_jobs,
    )
    if found:
        return found
    steps = [step for stage in way_back(plan).plan.stages for step in stage.steps]
    tried = await asyncio.gather(*(_tried(step, parts, acting_of(run)) for step in steps))
    return tuple(item for item in tried if item is not None)


async def _tried(step: Step, parts: Parts, acting: Acting) -> Obstacle | None:
    """Dry-run one step. What time may mend is no obstacle: the return itself is tried again then."""
    if step.action not in (Action.CHANGE, Action.CREATE):
        return None
    if guarded(step):
        acting = msgspec.structs.replace(acting, force=False, replace=False)
    try:
        await parts.target.try_out(step, acting)
    except ApplyError as error:
        return None if error.retry else refusal(step.ref, error.message)
    return None
