"""The end of a unit: what it delivered is removed or left, as its policy says, and only then may its object go."""

from __future__ import annotations

from trueup.core.deployment import Ending
from trueup.core.live import Presence
from trueup.core.objects import ObjectRef
from trueup.core.plan import PlanInput, make_plan
from trueup.core.ports import Acting, ApplyError, StaleState
from trueup.core.reports import Reason, UnitPhase
from trueup.core.state import EMPTY_STATE
from trueup.core.unit import DeletionPolicy, SyncPolicy
from trueup.engine.recording import end_draft, note_change, open_deletion
from trueup.engine.run import Halt, Next, Parts, Run
from trueup.engine.steps.comparing import CONTAINERS

RETRY_PAUSE = 5.0
WAIT_PAUSE = 0.5
"""Seconds between two looks whether what was deleted is gone; they ask the cache, not the server."""


async def finalize(run: Run, parts: Parts) -> bool:
    """Clear up behind a unit that is being deleted. Gives whether it is done; raises `Halt` where it cannot go on."""
    unit, state = run.unit, run.state
    if unit.deletion is DeletionPolicy.ORPHAN or unit.suspended or not state.inventory.entries:
        return await _let_go(run, parts)
    manager = unit.field_manager
    refs = [entry.ref for entry in state.inventory.entries]
    await parts.target.watch(frozenset((ref.group, ref.kind) for ref in refs))
    own = frozenset(refs)
    holding: dict[ObjectRef, str] = {}
    for ref in refs:
        if (ref.group, ref.kind) in CONTAINERS and (held := await parts.target.holding(ref, own)):
            holding[ref] = held
    plan = make_plan(
        PlanInput(
            unit=unit.ref,
            desired=(),
            inventory=state.inventory,
            policy=SyncPolicy(prune=True, allow_empty=True),
            claims=parts.owners.claims(unit.ref, refs),
            holding=holding,
            deleting=True,
            prune=True,
        ),
        lambda ref: parts.target.live(ref, manager),
    )
    if plan.unknown or any(veto.code == "unknown" for veto in plan.vetoes):
        run.later(RETRY_PAUSE)
        text = "what this unit delivered is not removed while the cluster cannot be read"
        raise Halt(UnitPhase.DELETING, Reason.DELETION_FAILED, text, Next.WAIT)
    acting = Acting(manager, unit.target.service_account, propagation=unit.policy.propagation)
    errors: list[ApplyError] = []
    open_deletion(run, parts)
    for stage in plan.prunes:
        for step in stage.steps:
            if step.live is not None and step.live.deleting:
                continue
            try:
                note_change(run, step, await parts.target.write(step, acting))
            except ApplyError as error:
                note_change(run, step, error)
                errors.append(error)
    if errors:
        run.later(RETRY_PAUSE)
        text = "; ".join(f"{error.ref}: {error.message}" for error in errors[:5])
        raise Halt(UnitPhase.DELETING, Reason.DELETION_FAILED, text, Next.WAIT)
    going = [step.ref for stage in plan.prunes for step in stage.steps]
    still = [ref for ref in going if parts.target.live(ref, manager) is not Presence.ABSENT]
    if unit.deletion is DeletionPolicy.PRUNE_AND_WAIT and still:
        run.later(WAIT_PAUSE)
        names = ", ".join(map(str, still[:5]))
        raise Halt(UnitPhase.DELETING, Reason.PROGRESSING, f"waiting until these are gone: {names}", Next.WAIT)
    return await _let_go(run, parts)


async def _let_go(run: Run, parts: Parts) -> bool:
    parts.fence.check()
    parts.owners.want(run.unit.ref, {})
    end_draft(run, parts, Ending.GOOD, "the unit was deleted, and what it delivered is removed")
    if run.state != EMPTY_STATE:
        try:
            await parts.states.drop(run.unit)
        except StaleState:
            pass  # It goes with its owner anyway.
        run.memory.state = EMPTY_STATE
    await parts.claims.release(run.unit)
    return True
