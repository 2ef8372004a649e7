"""Carrying the plan out: the attempt is recorded, then task by task is written, then what Git no longer has is removed.

Nothing here waits for health. Where a wave must be healthy before the next, the reconciliation ends after it; the event
that says so begins the next one, whose plan holds what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from trueup.core.health import HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, InventoryEntry, ObjectRef, Phase, ended
from trueup.core.model.reports import ObjectResult, OperationReport, OperationState, ResultCode
from trueup.core.model.state import Attempt, UnitState
from trueup.core.plan.heal_backoff import HealLog
from trueup.core.plan.plan import Plan
from trueup.core.plan.tasks import Action, ApplyTask, HookTask, PruneTask, Step, WaitTask
from trueup.core.plan.waves import PHASES
from trueup.core.ports import Acting, Applied, ApplyError
from trueup.core.rollback.obstacles import guarded
from trueup.engine.context import EngineContext
from trueup.engine.coordination.health_expressions import evaluate_health
from trueup.engine.delivery.preflight import preflight
from trueup.engine.judgement import unhealthy_before
from trueup.engine.planning import acting_of
from trueup.engine.reconciliation import Intent, Reconciliation
from trueup.engine.records.builder import RecordBuilder
from trueup.engine.records.recording import announce, note_change, open_record
from trueup.engine.state import change, narrow, store, tell_taken

SETTLE_TIMEOUT = 30.0
"""Seconds that a definition may take until it is established."""


_ANYWHERE = (Intent.HEAL, Intent.RETURN, Intent.PIN)

_DONE = {Action.CREATE: "created", Action.CHANGE: "configured", Action.HEAL: "configured", Action.PRUNE: "pruned"}


async def write(run: Reconciliation, context: EngineContext) -> None:
    """Carry the plan out as far as it goes now."""
    plan = run.plan
    if plan is None or run.intent is None:
        return
    _open_operation(run, context)
    record = open_record(run, context)
    acting = acting_of(run)
    if run.operation is not None and run.operation.dry_run:
        await _try_all(run, context, plan, acting)
        return
    if not await _prepare(run, context, acting):
        return
    for position, task in enumerate(plan.tasks):
        match task:
            case WaitTask():
                # Healing and returning may begin anywhere: an earlier wave that is sick must not keep a later one
                # from being mended.
                if (position or run.intent not in _ANYWHERE) and not _wait_over(run, context, task):
                    return
            case ApplyTask():
                if not await _apply(run, context, task, acting):
                    return
            case PruneTask():
                if run.unit.policy.prune_last and not _all_healthy(run, context):
                    run.waiting = "everything must be healthy before what Git no longer has is removed"
                    return
                await _begin(run, context, plan, record)
                await _carry_out(run, context, _unclaimed(run, context, task), acting)
            case HookTask():
                text = f"{task.hook.ref} is a hook, and hooks are not run yet"
                run.errors = (ApplyError(task.hook.ref, "Unsupported", text),)
                return
    await _begin(run, context, plan, record)
    _finish(run, plan)


async def _apply(run: Reconciliation, context: EngineContext, task: ApplyTask, acting: Acting) -> bool:
    """Write the objects of a task: all of them, or none where one is refused. Gives whether the plan goes on."""
    assert run.plan is not None and run.runtime.sync.record is not None
    refused = await preflight(run.unit, context.delivery(run.unit), task.steps, acting)
    if refused:
        attempt = run.state.attempt
        run.refused = attempt is None or run.inputs is None or attempt.inputs != run.inputs.digest
        run.errors = _with_what_stands(refused, run)
        return False
    await _begin(run, context, run.plan, run.runtime.sync.record)
    await _carry_out(run, context, task, acting)
    return not run.errors and await _usable(run, context, task)


def _with_what_stands(refused: tuple[ApplyError, ...], run: Reconciliation) -> tuple[ApplyError, ...]:
    """Say beside the first refusal what of the sync was written before it."""
    written = sum(result.code is ResultCode.SYNCED for result in run.runtime.sync.results.values())
    if not written:
        return refused
    first = refused[0]
    what = "1 object of this sync was" if written == 1 else f"{written} objects of this sync were"
    text = f"{first.message}; {what} written before it, and nothing beside or after it"
    return (ApplyError(first.ref, first.code, text, first.retry), *refused[1:])


async def _try_all(run: Reconciliation, context: EngineContext, plan: Plan, acting: Acting) -> None:
    """Carry nothing out, and tell of every step what would come of it."""
    refused = await preflight(run.unit, context.delivery(run.unit), plan.writes, acting, whole=True)
    run.errors = refused
    run.refused = bool(refused)
    run.runtime.sync.record = None
    messages = {error.ref: error.message for error in refused}
    for step in plan.steps:
        code = ResultCode.FAILED if step.ref in messages else _code(step)
        _note(run, step, code, messages.get(step.ref) or f"{_in_words(step, _DONE[step.action])} (dry run)")


def _unclaimed(run: Reconciliation, context: EngineContext, task: PruneTask) -> PruneTask:
    """Leave out what another unit has come to want since the plan was made: it is released to that one."""
    claimed = context.owners.claims(run.unit.ref, run.unit.target.cluster, [step.ref for step in task.steps])
    run.left |= claimed.keys()
    return msgspec.structs.replace(task, steps=tuple(step for step in task.steps if step.ref not in claimed))


def _careful(run: Reconciliation, step: Step, acting: Acting) -> Acting:
    """Going back never deletes what holds data to make it anew, whatever the unit's policy allows otherwise."""
    if not (run.returning or run.pinned) or not guarded(step):
        return acting
    return msgspec.structs.replace(acting, force=False, replace=False)


def _open_operation(run: Reconciliation, context: EngineContext) -> None:
    runtime = run.runtime
    going = runtime.sync.operation
    revision, revisions = run.revision, run.several
    if run.pinned and run.inputs:
        revision, revisions = run.inputs.revision, run.inputs.revisions if run.inputs.others else ()
    if run.intent is Intent.RETURN:
        # What stays on show is the operation that failed, with the return in its message.
        return
    same = going is not None and (going.revision, going.revisions) == (revision, revisions)
    if going is not None and going.state is OperationState.RUNNING and same:
        return
    runtime.sync.results = {}
    runtime.sync.operation = OperationReport(
        state=OperationState.RUNNING,
        revision=revision,
        started=context.clock.wall(),
        request=run.operation,
        healing=run.intent is Intent.HEAL,
        retries=run.state.failures if run.inputs and run.state.failed_inputs == run.inputs.digest else 0,
        revisions=revisions,
    )


async def _begin(run: Reconciliation, context: EngineContext, plan: Plan, record: RecordBuilder) -> None:
    """Record the attempt, with all that it may leave behind, before its first write; once is enough."""
    assert run.inputs is not None and run.intent is not None
    if run.begun or run.intent is Intent.HEAL:
        return
    run.begun = True
    announce(run, context, record)
    state, runtime = run.state, run.runtime
    going = state.attempt
    if going is None or going.inputs != run.inputs.digest:
        await evaluate_health(run, context, sorted(state.inventory.refs))
        runtime.sync.started = run.now
        runtime.sync.timeline.begin()
        going = Attempt(
            id=record.id,
            inputs=run.inputs.digest,
            revision=run.inputs.revision,
            started_at=context.clock.wall().isoformat(timespec="milliseconds"),
            holder=context.identity,
            operation=run.operation.id if run.operation else "",
            cause=run.intent.value,
            initiator=record.initiator,
            unhealthy=unhealthy_before(run, context),
            revisions=run.inputs.revisions if run.inputs.others else (),
        )
    runtime.pinning.released = None
    held = state.held if run.returning or run.pinned else None
    changed = msgspec.structs.replace(state, attempt=going, inventory=plan.during, held=held)
    if changed != state or runtime.unstored:
        await store(run, context, changed)


def _errors(results: Sequence[object]) -> tuple[ApplyError, ...]:
    errors = []
    for result in results:
        if isinstance(result, ApplyError):
            errors.append(result)
        elif isinstance(result, BaseException):
            raise result
    return tuple(errors)


async def _prepare(run: Reconciliation, context: EngineContext, acting: Acting) -> bool:
    """Make the place that the unit delivers to; gives whether it is there."""
    assert run.wanted is not None
    try:
        await context.delivery(run.unit).prepare(run.unit, run.wanted.prepared.desired, acting)
    except ApplyError as error:
        run.errors = (error,)
        return False
    return True


async def _carry_out(run: Reconciliation, context: EngineContext, task: ApplyTask | PruneTask, acting: Acting) -> None:
    """Carry out the steps of a task together, and take note of what came of each."""
    unit, delivery = run.unit, context.delivery(run.unit)
    results = await asyncio.gather(
        *(delivery.carry_out(unit, step, _careful(run, step, acting)) for step in task.steps), return_exceptions=True
    )
    entries: list[InventoryEntry] = []
    gone: list[ObjectRef] = []
    for step, result in zip(task.steps, results, strict=True):
        if not isinstance(result, BaseException) or isinstance(result, ApplyError):
            note_change(run, step, result)
        if isinstance(result, ApplyError):
            _note(run, step, ResultCode.FAILED, result.message)
            if step.action is Action.PRUNE:
                run.prune_errors = (*run.prune_errors, result)
            else:
                run.errors = (*run.errors, result)
            continue
        if isinstance(result, BaseException):
            continue
        run.written += 1
        run.runtime.sync.timeline.written(step.ref)
        _note(run, step, _code(step), _told(step, result))
        if step.action is Action.PRUNE:
            gone.append(step.ref)
        elif step.desired is not None and result.live is not None:
            entries.append(_entry(run.state, step, result.live))
        if run.intent is Intent.HEAL or step.undoes:
            log = run.runtime.sync.heals.get(step.ref, HealLog())
            run.runtime.sync.heals[step.ref] = log.healed(run.now, result.undone)
    if entries or gone:
        change(run, msgspec.structs.replace(run.state, inventory=run.state.inventory.union(entries)))
        tell_taken(run, context)
    _errors(results)


def _entry(state: UnitState, step: Step, live: Live) -> InventoryEntry:
    assert step.desired is not None
    before = next((entry for entry in state.inventory.entries if entry.ref == step.ref), None)
    entry = InventoryEntry.of(step.desired)
    return msgspec.structs.replace(
        entry, managed_digest=entry.managed_digest or live.managed_digest, good=before.good if before else ""
    )


def _code(step: Step) -> ResultCode:
    return ResultCode.PRUNED if step.action is Action.PRUNE else ResultCode.SYNCED


def _in_words(step: Step, done: str) -> str:
    kind = f"{step.ref.kind.lower()}.{step.ref.group}" if step.ref.group else step.ref.kind.lower()
    return f"{kind}/{step.ref.name} {done}"


def _told(step: Step, result: Applied) -> str:
    told = _in_words(step, _DONE[step.action] if result.changed else "unchanged")
    return told + (f" ({result.message})" if result.message else "")


def _note(run: Reconciliation, step: Step, code: ResultCode, message: str) -> None:
    run.runtime.sync.results[step.ref] = ObjectResult(ref=step.ref, version=step.version, code=code, message=message)


async def _usable(run: Reconciliation, context: EngineContext, task: ApplyTask) -> bool:
    """Wait until definitions and namespaces that were written can be used."""
    late = await context.delivery(run.unit).usable(run.unit, [step.ref for step in task.steps], SETTLE_TIMEOUT)
    if late:
        names = ", ".join(map(str, late))
        run.errors = (
            ApplyError(late[0], "NotEstablished", f"not established after {SETTLE_TIMEOUT:.0f} s: {names}", True),
        )
    return not late


def _wait_over(run: Reconciliation, context: EngineContext, task: WaitTask) -> bool:
    """Say whether all that a task waits for is healthy, or has ended."""
    assert run.wanted is not None
    awaited = frozenset(task.refs)
    ended_hooks = {hook.ref for hook in run.state.attempt.hooks if hook.ended} if run.state.attempt else set()
    late = [
        item.ref for item in run.wanted.prepared.desired if item.ref in awaited and not _healthy(run, context, item)
    ]
    late += [ref for ref in task.hooks if ref not in ended_hooks]
    if late:
        phase = "" if task.place.phase == PHASES[Phase.SYNC] else f"phase {list(Phase)[task.place.phase]}, "
        run.waiting = f"{phase}wave {task.place.wave} waits until earlier ones are healthy: {late[0]}"
    return not late


def _all_healthy(run: Reconciliation, context: EngineContext) -> bool:
    assert run.wanted is not None
    return all(_healthy(run, context, item) for item in run.wanted.prepared.desired)


def _healthy(run: Reconciliation, context: EngineContext, item: Desired) -> bool:
    seen = context.live(run.unit, item.ref)
    if seen is Presence.ABSENT and item.ends:
        entry = next((entry for entry in run.state.inventory.entries if entry.ref == item.ref), None)
        return ended(item, entry)
    return isinstance(seen, Live) and seen.health.status in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)


def _finish(run: Reconciliation, plan: Plan) -> None:
    """Narrow the inventory to what stays; the inputs count as applied unless something is missing."""
    narrow(run, plan)
    run.waiting = run.waiting or next((veto.message for veto in plan.blocking if veto.retries), "")
    run.synced = not run.prune_errors and not run.waiting
