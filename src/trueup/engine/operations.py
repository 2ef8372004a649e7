"""Operations that users ask for, and how one is refused."""

from __future__ import annotations

import msgspec

from trueup.core.model.reports import OperationReport, OperationState
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation


def refuse_operation(run: Reconciliation, context: EngineContext, message: str) -> None:
    """Close an operation that cannot be carried out; the unit is looked at as if nobody had asked."""
    operation = run.operation
    if operation is None:
        return
    now = context.clock.wall()
    run.runtime.operation = OperationReport(
        state=OperationState.ERROR,
        revision=operation.revision or run.revision,
        started=now,
        finished=now,
        message=message,
        request=operation,
    )
    run.runtime.state = msgspec.structs.replace(run.state, operation=operation.id)
    run.runtime.unstored = run.runtime.unstored or run.now
    run.store_now = True
    run.operation = None
