"""One pass over one unit: the steps in order, and one conclusion.

Read `STEPS` for what a sync is.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeAlias

import structlog

from trueup.core.deployment import StepTiming
from trueup.core.events import PassEnded
from trueup.core.ports import Fenced, StaleState, Unreachable
from trueup.core.reports import Reason, UnitPhase
from trueup.engine.concluding import conclude
from trueup.engine.finalizing import finalize
from trueup.engine.run import Halt, Memory, Next, Parts, Run
from trueup.engine.steps.admission import admit, locate, wait_for_dependencies
from trueup.engine.steps.comparing import compare, decide
from trueup.engine.steps.heeding import heed
from trueup.engine.steps.joining import join
from trueup.engine.steps.judging import judge_outcome
from trueup.engine.steps.rendering import find_inputs
from trueup.engine.steps.writing import write

log = structlog.get_logger(__name__)

Step: TypeAlias = Callable[[Run, Parts], Coroutine[Any, Any, None]]

STEPS: tuple[Step, ...] = (
    heed,
    admit,
    locate,
    join,
    wait_for_dependencies,
    find_inputs,
    compare,
    decide,
    write,
    judge_outcome,
)

CONFLICT_PAUSE = 1.0
UNREACHABLE_PAUSE = 2.0


async def reconcile(run: Run, parts: Parts) -> None:
    """Take one look at a unit and do what is to be done. Everything foreseen ends in its report.

    Raises `Fenced` when the lease is lost in between: nothing is written or reported then.
    """
    if not parts.fence.open:
        raise Fenced(f"{run.unit.ref} is left to another controller")
    started = parts.clock.wall()
    try:
        if other := parts.occupied(run.unit.ref):
            text = f"{other} works on it; claim it for Trueup, or stop that controller"
            raise Halt(UnitPhase.OBSERVED, Reason.SUSPENDED, text, Next.WAIT)
        if run.unit.deleting:
            await finalize(run, parts)
            return
        for step in STEPS:
            await _timed(step, run, parts)
    except Halt as halt:
        run.halt = halt
    except Unreachable as error:
        run.halt = Halt(UnitPhase.FAILED, Reason.INTERNAL, str(error), Next.WAIT)
        run.later(UNREACHABLE_PAUSE)
    except StaleState:
        log.info("unit state was written by somebody else; looking again", unit=str(run.unit.ref))
        run.memory.loaded = False
        run.later(CONFLICT_PAUSE)
        return
    conclude(run, parts)
    parts.journal.note(PassEnded(run.unit, run.revision, run.sync, started, tuple(run.timings), run.memory.report))


async def _timed(step: Step, run: Run, parts: Parts) -> None:
    """Run one step, and take note of how long it took, however it ends."""
    began = parts.clock.now()
    try:
        await step(run, parts)
    finally:
        seconds = parts.clock.now() - began
        run.timings.append(StepTiming(step.__name__, seconds))
        if run.memory.draft is not None:
            run.memory.draft.spend(step.__name__, seconds)


def load(memory: Memory, parts: Parts, run: Run) -> None:
    """Read what is stored of a unit, at its first pass and after a conflict."""
    memory.state = parts.states.get(run.unit)
    memory.unstored = 0.0
    memory.loaded = True
    attempt = memory.state.attempt
    if attempt is not None:
        memory.started = run.now - min(_age(attempt.started_at, parts), 0.8 * run.unit.gate.timeout)
    entries = memory.state.inventory.entries
    parts.owners.want(run.unit.ref, {entry.ref: "" for entry in entries})


def _age(started_at: str, parts: Parts) -> float:
    """Give the seconds since an attempt began, as its record says."""
    try:
        return max(0.0, (parts.clock.wall() - datetime.fromisoformat(started_at)).total_seconds())
    except ValueError:
        return 0.0
