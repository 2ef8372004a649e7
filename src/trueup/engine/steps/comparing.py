"""What lives against what is wanted: the plan, and whether it may be carried out now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from trueup.core.live import Live, Presence
from trueup.core.objects import Desired, InventoryEntry, ObjectRef
from trueup.core.obstacles import way_back
from trueup.core.plan import Action, Plan, PlanInput, Stage, Step, make_plan
from trueup.core.reports import Reason, UnitPhase
from trueup.core.unit import Operation
from trueup.engine.run import Halt, Intent, Next, Parts, Run
from trueup.engine.steps.rendering import render_again

MOVE_PATIENCE = 5.0
"""Seconds for which a prune waits until other units of the same repository have looked at the commit, since one of
them may have been given the object."""

MOVE_PAUSE = 0.1

CONTAINERS = frozenset(
    {("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition"), ("", "PersistentVolumeClaim")}
)
"""Kinds that may hold what is others', and go only with a confirmation then."""


async def compare(run: Run, parts: Parts) -> None:
    """Make the plan; for inputs that are applied already, only where something has drifted."""
    assert run.inputs is not None
    state = run.state
    await parts.target.watch(_kinds(run))
    if run.wanted is None:
        if all(
            _sealed(entry, parts.target.live(entry.ref, run.unit.field_manager)) for entry in state.inventory.entries
        ):
            run.settled = True
            run.memory.planned = run.revision
            return
        await render_again(run, parts)
        await parts.target.watch(_kinds(run))
    assert run.wanted is not None and run.declared is not None
    unit, wanted = run.unit, run.wanted.prepared.desired
    affected = parts.owners.want(unit.ref, {item.ref: item.content for item in run.declared.prepared.desired})
    run.memory.planned = run.revision
    for other in affected:
        parts.wake(other)
    operation = run.operation
    claims = parts.owners.claims(unit.ref, [item.ref for item in wanted])
    for item in wanted:
        claim = claims.get(item.ref)
        if claim is not None and (claim.same or not claim.first):
            how = "the same" if claim.same else "something else, which is refused while this unit delivers it"
            run.shared[item.ref] = f"{claim.unit} wants it too: {how}"
    plan = await plan_towards(run, parts, wanted, operation)
    if run.returning or run.pinned:
        back = way_back(plan)
        plan, run.skipped = back.plan, back.skipped
    run.plan = _patient(run, parts, plan)
    if state.held is None or run.returning:
        return
    if not state.held.holds(run.declared.inputs, unit.spec_digest):
        # Git has moved on: what was held back is history.
        run.memory.state = msgspec.structs.replace(state, held=None)
        run.memory.unstored = run.memory.unstored or run.now
        run.store_now = True


async def plan_towards(run: Run, parts: Parts, wanted: Sequence[Desired], operation: Operation | None = None) -> Plan:
    """Make the plan that brings what the unit owns to these objects."""
    unit, inventory = run.unit, run.state.inventory
    names = {item.ref for item in wanted}
    gone = [entry.ref for entry in inventory.entries if entry.ref not in names]
    manager = unit.field_manager
    return make_plan(
        PlanInput(
            unit=unit.ref,
            desired=wanted,
            inventory=inventory,
            policy=unit.policy,
            claims=parts.owners.claims(unit.ref, [*(item.ref for item in wanted), *gone]),
            holding=await _holding(parts, gone, frozenset(inventory.refs)),
            selected=frozenset(operation.resources) if operation and operation.resources else None,
            prune=operation.prune if operation else unit.policy.prune,
        ),
        lambda ref: parts.target.live(ref, manager),
    )


async def decide(run: Run, parts: Parts) -> None:
    """Find the reason to carry the plan out, or stop where there is none now."""
    plan = run.plan
    if run.settled or plan is None:
        return
    assert run.inputs is not None
    state, unit, memory = run.state, run.unit, run.memory
    if run.operation is not None:
        run.intent = Intent.REQUEST
        return
    if plan.empty:
        return
    fresh = state.applied is None or state.applied.digest != run.inputs.digest
    if run.returning and fresh:
        if state.held is not None and state.held.stopped:
            run.plan = None
        elif state.failed_inputs != run.inputs.digest or run.now >= memory.retry_at:
            run.intent = Intent.RETURN
        else:
            run.later(memory.retry_at - run.now)
            run.plan = None
        return
    if not unit.policy.automated and not (fresh and run.pinned):
        run.out_of_sync = "it is synced only when somebody asks for it"
        run.plan = None
        return
    if state.failed_inputs == run.inputs.digest and run.now < memory.retry_at:
        report = memory.report
        reason = report.reason if report else Reason.REFUSED
        message = report.message if report else "the last try failed"
        if memory.retry_at == float("inf"):
            raise Halt(UnitPhase.FAILED, reason, message, Next.STALL)
        run.later(memory.retry_at - run.now)
        raise Halt(UnitPhase.FAILED, reason, message, Next.WAIT)
    if fresh or state.attempt is not None:
        run.intent = _intent(run)
        return
    if not unit.policy.heal:
        run.out_of_sync = "it has drifted, and healing is off"
        run.plan = None
        return
    run.intent = Intent.HEAL
    run.plan = _damped(run, plan)


def _intent(run: Run) -> Intent:
    if run.pinned or run.memory.released is not None:
        return Intent.PIN
    return Intent.RETURN if run.returning else Intent.CHANGE


def _kinds(run: Run) -> frozenset[tuple[str, str]]:
    kinds = {(entry.group, entry.kind) for entry in run.state.inventory.entries}
    if run.wanted is not None:
        kinds.update((item.ref.group, item.ref.kind) for item in run.wanted.prepared.desired)
    kinds.update((ref.group, ref.kind) for ref in run.unit.gate.checks)
    return frozenset(kinds)


def _sealed(entry: InventoryEntry, seen: Live | Presence) -> bool:
    """Say whether nothing of ours has changed; what cannot be seen is not taken for a change."""
    if isinstance(seen, Presence):
        return seen is Presence.UNKNOWN
    return entry.fits(seen.seal) and not seen.deleting


async def _holding(parts: Parts, refs: Iterable[ObjectRef], own: frozenset[ObjectRef]) -> dict[ObjectRef, str]:
    found: dict[ObjectRef, str] = {}
    for ref in refs:
        if (ref.group, ref.kind) in CONTAINERS:
            held = await parts.target.holding(ref, own)
            if held:
                found[ref] = held
    return found


def _patient(run: Run, parts: Parts, plan: Plan) -> Plan:
    """Leave prunes out for a while when another unit of the same repository has not looked at this commit yet."""
    if not plan.prunes or run.operation is not None:
        run.memory.prune_since = 0.0
        return plan
    memory = run.memory
    memory.prune_since = memory.prune_since or run.now
    if run.now - memory.prune_since >= MOVE_PATIENCE or not _others_behind(run, parts):
        return plan
    run.later(MOVE_PAUSE)
    run.waiting = "other units of this repository have not looked at this commit yet; then its prunes follow"
    pruned = {step.ref for stage in plan.prunes for step in stage.steps}
    entries = [entry for entry in run.state.inventory.entries if entry.ref in pruned]
    return msgspec.structs.replace(plan, prunes=(), keep=plan.keep.union(entries))


def _others_behind(run: Run, parts: Parts) -> bool:
    assert run.source is not None
    url = run.source.declaration.git.url
    for other in parts.registry.all():
        if other.ref == run.unit.ref or other.suspended or other.problems or other.deleting:
            continue
        source = parts.keeper.state(other.source)
        if source is None or source.declaration.git.url != url or source.resolved is None:
            continue
        memory = parts.memory_of(other.ref)
        if memory is None or memory.planned != str(source.resolved.revision):
            return True
    return False


def _damped(run: Run, plan: Plan) -> Plan:
    """Leave out what somebody keeps changing back, until its pause is over."""
    heals = run.memory.heals

    def due(step: Step) -> bool:
        log = heals.get(step.ref)
        wait = log.wait(run.now) if log and step.action in (Action.HEAL, Action.CREATE) else 0.0
        if log and log.contested(run.now):
            run.contested[step.ref] = "somebody keeps changing it back"
        if wait > 0:
            run.later(wait)
        return wait <= 0

    stages = [Stage(stage.place, tuple(filter(due, stage.steps)), stage.settle) for stage in plan.stages]
    return msgspec.structs.replace(plan, stages=tuple(stage for stage in stages if stage.steps))
