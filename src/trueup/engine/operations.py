"""Operations that users ask for, and how one is refused."""

from __future__ import annotations

import msgspec

from trueup.core.model.reports import OperationReport, OperationState
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.state import change


def refuse_operation(run: Reconciliation, context: EngineContext, message: str) -> None:
    """Close an operation that cannot be carried out; the unit is reconciled as if nobody had asked."""
    operation = run.operation
    if operation is None:
        return
    now = context.clock.wall()
    run.runtime.sync.operation = OperationReport(
        state=OperationState.ERROR,
        revision=operation.revision or run.revision,
        started=now,
        finished=now,
        message=message,
        request=operation,
        revisions=operation.revisions or run.several,
    )
    change(run, msgspec.structs.replace(run.state, operation=operation.id), soon=True)
    run.operation = None
