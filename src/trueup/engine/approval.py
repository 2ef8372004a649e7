"""Removals that somebody has to approve: since when that is asked, and whether it was given."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.core.model.state import Question
from trueup.core.plan.plan import Plan
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.state import change


def asks(plan: Plan) -> bool:
    """Say whether anything of a plan waits for an approval."""
    return any(veto.asks for veto in plan.vetoes)


def approved(run: Reconciliation, context: EngineContext, about: str) -> bool:
    """Say whether somebody has approved the removals `about` (inputs, or a deletion) since that was first asked.

    Remembers since when it is asked: an approval that was given for something else does not count.
    """
    question = run.state.question
    if question is None or question.inputs != about:
        question = Question(about, context.clock.wall().isoformat(timespec="seconds"))
        _remember(run, question)
    given = run.unit.approved
    return given is not None and given >= datetime.fromisoformat(question.since)


def answered(run: Reconciliation) -> None:
    """Forget what was asked: nothing waits for an approval any more."""
    if run.state.question is not None:
        _remember(run, None)


def _remember(run: Reconciliation, question: Question | None) -> None:
    change(run, msgspec.structs.replace(run.state, question=question), soon=True)
