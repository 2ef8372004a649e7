"""One pass over one unit: the steps in order, and one conclusion.

Read `STEPS` for what a sync is.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import structlog

from trueup.core.model.deployment_record import StepTiming
from trueup.core.model.events import ReconcileEnded
from trueup.core.model.objects import Inventory
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.state import EMPTY_STATE
from trueup.core.model.unit import Unit
from trueup.core.ports import ClusterUnreachable, Fenced, StaleState, Unreachable
from trueup.engine.conclusion import conclude, conclude_defect
from trueup.engine.context import EngineContext
from trueup.engine.finalizing import finalize
from trueup.engine.operations import refuse_operation
from trueup.engine.reconciliation import Halt, Next, NotYetKnown, Reconciliation, Withdrawn
from trueup.engine.runtime import UnitRuntime
from trueup.engine.steps.admission import admit, locate, wait_for_dependencies
from trueup.engine.steps.comparing import compare, decide
from trueup.engine.steps.group_rollback import join_group_rollback
from trueup.engine.steps.judging import judge_outcome
from trueup.engine.steps.rendering import find_inputs
from trueup.engine.steps.requests import handle_requests
from trueup.engine.steps.writing import write

log = structlog.get_logger(__name__)

Step: TypeAlias = Callable[[Reconciliation, EngineContext], Coroutine[Any, Any, None]]

STEPS: tuple[Step, ...] = (
    handle_requests,
    admit,
    locate,
    join_group_rollback,
    wait_for_dependencies,
    find_inputs,
    compare,
    decide,
    write,
    judge_outcome,
)

CONFLICT_PAUSE = 1.0
UNREACHABLE_PAUSE = 2.0


async def reconcile(run: Reconciliation, context: EngineContext) -> None:
    """Compare one unit with the cluster and do what is to be done. Everything foreseen ends in its report.

    Raises `Fenced` when the lease is lost in between: nothing is written or reported then.
    """
    if not context.fence.open:
        raise Fenced(f"{run.unit.ref} is left to another controller")
    # Workers outlive a reconciliation: what the one before said of itself must not stand in this one's lines.
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(unit=str(run.unit.ref))
    started = context.clock.wall()
    try:
        if other := context.managed_by(run.unit.ref):
            text = f"{other} works on it; claim it for Trueup, or stop that controller"
            raise Halt(UnitPhase.OBSERVED, Reason.SUSPENDED, text, Next.WAIT)
        if run.unit.deleting:
            await finalize(run, context)
            return
        for step in STEPS:
            _still_declared(run, context)
            await _timed(step, run, context)
        _still_declared(run, context)
    except Halt as halt:
        run.halt = halt
        if halt.phase is UnitPhase.FAILED:
            # What was asked for cannot even be begun: it ends, and the next thing may be asked.
            refuse_operation(run, context, halt.message)
    except ClusterUnreachable as error:
        run.halt = Halt(UnitPhase.FAILED, Reason.INTERNAL, str(error), Next.WAIT)
    except Unreachable as error:
        run.halt = Halt(UnitPhase.FAILED, Reason.INTERNAL, str(error), Next.WAIT)
        run.later(UNREACHABLE_PAUSE)
    except NotYetKnown as reason:
        log.debug("waiting for what is not known yet", reason=str(reason))
        return
    except Withdrawn:
        for affected in context.owners.forget(run.unit.ref):
            context.requeue(affected)
        return
    except StaleState:
        log.info("unit state was written by somebody else; looking again", unit=str(run.unit.ref))
        run.runtime.loaded = False
        run.later(CONFLICT_PAUSE)
        return
    except Fenced:
        raise
    except Exception as error:
        # A defect of one unit's must reach its status, and its words must not: they may repeat a secret.
        log.exception("the reconciliation broke", unit=str(run.unit.ref))
        run.halt = Halt(UnitPhase.FAILED, Reason.INTERNAL, _broken(error), Next.RETRY)
    try:
        conclude(run, context)
    except Exception as error:
        log.exception("the conclusion broke", unit=str(run.unit.ref))
        conclude_defect(run, context, _broken(error))
    context.event_sink.publish(
        ReconcileEnded(run.unit, run.revision, run.sync, started, tuple(run.timings), run.runtime.report)
    )


def _broken(error: Exception) -> str:
    """Name a defect: what was raised, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    return f"an error of Trueup itself ({type(error).__name__} at {where}); it is tried again, and its log says more"


def _still_declared(run: Reconciliation, context: EngineContext) -> None:
    """Raise `Withdrawn` where the unit is no longer declared, or another object has taken its name."""
    declared = context.registry.get(run.unit.ref)
    if declared is None or declared.uid != run.unit.uid:
        raise Withdrawn(str(run.unit.ref))


async def _timed(step: Step, run: Reconciliation, context: EngineContext) -> None:
    """Run one step, and take note of how long it took, however it ends."""
    began = context.clock.now()
    try:
        await step(run, context)
    finally:
        seconds = context.clock.now() - began
        run.timings.append(StepTiming(step.__name__, seconds))
        if run.runtime.sync.record is not None:
            run.runtime.sync.record.spend(step.__name__, seconds)


def load(runtime: UnitRuntime, context: EngineContext, unit: Unit) -> None:
    """Read what is stored of a unit, before its first reconciliation and after a conflict.

    A record that is not there does not mean that the unit owns nothing: what its object's status names counts then,
    as far as what lives bears the unit's mark.
    """
    state = context.states.get(unit)
    if state == EMPTY_STATE and (entries := context.reported_of(unit)):
        state = msgspec.structs.replace(state, inventory=Inventory.of(entries), taken_over=unit.delivered)
    runtime.state = state
    runtime.unstored = 0.0
    runtime.loaded = True
    attempt = runtime.state.attempt
    if attempt is not None:
        runtime.sync.started = context.clock.now() - min(_age(attempt.started_at, context), 0.8 * unit.gate.patience)
    contents = {entry.ref: entry.content for entry in runtime.state.inventory.entries}
    context.owners.want(unit.ref, unit.target.cluster, contents)
    context.owners.own(unit.ref, unit.target.cluster, runtime.state.inventory.held)


def _age(started_at: str, context: EngineContext) -> float:
    """Give the seconds since an attempt began, as its record says."""
    try:
        return max(0.0, (context.clock.wall() - datetime.fromisoformat(started_at)).total_seconds())
    except ValueError:
        return 0.0
