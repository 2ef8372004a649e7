"""Users' own rules for the health of a kind: CEL expressions over the whole object, evaluated by a worker.

In this order: one that says that it is on its way, one that says that it has failed, one that says that it is healthy.
Where none is true, or one cannot be evaluated because the object does not have its fields yet, it is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.health import Health, HealthStatus
from trueup.core.health.status import Proof
from trueup.core.model.live import Live
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import RenderError
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.unit import HealthExpression
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Halt, Next, Reconciliation
from trueup.engine.runtime import Judged

NOT_YET = Health(HealthStatus.PROGRESSING, "its health expressions have not been evaluated yet")


def expression_for(run: Reconciliation, ref: ObjectRef) -> HealthExpression | None:
    """Give the expressions that judge an object; the last of its kind, as upstream has it."""
    found = None
    for one in run.unit.gate.expressions:
        if (one.group, one.kind) == (ref.group, ref.kind):
            found = one
    return found


def health_by_expression(run: Reconciliation, seen: Live) -> Health:
    """Give what was evaluated of an object as it is now; it is on its way until that is done."""
    if seen.deleting:
        return seen.health
    known = run.runtime.sync.judged.get(seen.ref)
    return known.health if known is not None and known.resource_version == seen.resource_version else NOT_YET


async def check_expressions(run: Reconciliation, context: EngineContext) -> None:
    """Stop at a unit one of whose expressions cannot be read. Raises `Halt`."""
    unit, sync = run.unit, run.runtime.sync
    if not unit.gate.expressions or sync.checked_expressions == unit.spec_digest:
        return
    for one in unit.gate.expressions:
        for name, text in (("inProgress", one.in_progress), ("failed", one.failed), ("current", one.current)):
            if not text:
                continue
            try:
                await context.renderer.check(text)
            except RenderError as error:
                where = f"the health expression {name} of {one.kind}"
                text = f"{where}: {error.problem.message}"
                next_step = Next.RETRY if error.problem.next_step == "retry" else Next.STALL
                raise Halt(UnitPhase.FAILED, Reason.EXPRESSION_INVALID, text, next_step) from error
    sync.checked_expressions = unit.spec_digest


async def evaluate_health(run: Reconciliation, context: EngineContext, refs: Iterable[ObjectRef]) -> None:
    """Evaluate the expressions for these objects, as far as they have changed. Raises `Unreachable`."""
    unit, judged = run.unit, run.runtime.sync.judged
    if not unit.gate.expressions:
        judged.clear()
        return
    for ref in refs:
        rules = expression_for(run, ref)
        seen = context.live(unit, ref) if rules is not None else None
        if rules is None or not isinstance(seen, Live):
            judged.pop(ref, None)
            continue
        known = judged.get(ref)
        if known is not None and (known.resource_version, known.spec) == (seen.resource_version, unit.spec_digest):
            continue
        body = seen.body or await context.targets.of(unit.target.cluster).read(ref)
        if body is not None:
            judged[ref] = Judged(seen.resource_version, unit.spec_digest, await _health(context, rules, body))


async def _health(context: EngineContext, rules: HealthExpression, body: Body) -> Health:
    questions = (
        (rules.in_progress, HealthStatus.PROGRESSING, "its expression inProgress is true"),
        (rules.failed, HealthStatus.DEGRADED, "its expression failed is true"),
        (rules.current, HealthStatus.HEALTHY, ""),
    )
    for expression, status, words in questions:
        if not expression:
            continue
        try:
            answer = await context.renderer.evaluate(expression, body)
        except RenderError as error:
            return Health(HealthStatus.PROGRESSING, f"a health expression has no answer: {error.problem.message}")
        if answer is True:
            return Health(status, words, Proof.STATED if status is HealthStatus.DEGRADED else Proof.CERTAIN)
        if answer is not False:
            return Health(
                HealthStatus.PROGRESSING, f"the health expression {expression!r} gives neither true nor false"
            )
    return Health(HealthStatus.PROGRESSING, "its expression current is not true")
