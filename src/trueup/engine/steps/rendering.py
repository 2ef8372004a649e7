"""From an artifact to the objects a unit wants, with as little work as its content allows.

The unit's inputs are named by content. Where nothing that went in has changed, nothing is rendered: not on a restart,
and not for a commit that touches other units.
"""

from __future__ import annotations

from trueup.core.model.reports import Reason, UnitPhase
from trueup.engine.context import EngineContext
from trueup.engine.inputs import earlier, render_inputs, spec_digest, trees_of, values_digest
from trueup.engine.reconciliation import Halt, Next, Reconciliation


async def find_inputs(run: Reconciliation, context: EngineContext) -> None:
    """Find what the unit's inputs are now, and render them unless they are those that were applied last."""
    unit, state = run.unit, run.state
    values = await values_digest(unit, context)
    spec = spec_digest(unit, run.located, context)
    applied = state.applied
    if (
        applied is not None
        and state.attempt is None
        and state.held is None
        and state.pin is None
        and run.operation is None
        and applied.same_source(trees_of(run), spec, values)
    ):
        run.inputs = applied
        run.declared = run.wanted = run.runtime.renders.by_inputs.get(applied.digest)
        run.diagnostics = run.declared.diagnostics if run.declared is not None else ()
        return
    await render_inputs(run, context, spec, values)
    await _wait(run, context)


async def _wait(run: Reconciliation, context: EngineContext) -> None:
    """Stop a unit that would go on and may not yet; one that went back stays there until those that came along go."""
    good = run.state.good
    going = bool(run.unready) and not run.returning and not run.pinned
    run.runtime.rollback.ahead = (
        going and run.state.held is not None and (run.operation is None or not run.operation.dry_run)
    )
    if not going:
        return
    if not run.runtime.rollback.ahead or good is None:
        raise Halt(UnitPhase.WAITING, Reason.DEPENDENCY_NOT_READY, run.unready, Next.WAIT)
    run.operation = None
    run.wanted, run.inputs, run.returning = await earlier(run, context, good), good, True
