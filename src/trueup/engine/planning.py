"""Plans towards given objects, and as whom they are carried out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from trueup.core.model.objects import Desired
from trueup.core.model.unit import Operation
from trueup.core.plan.plan import Plan, PlanInput, make_plan
from trueup.core.ports import Acting
from trueup.engine.approval import answered, approved, asks
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Reconciliation


def acting_of(run: Reconciliation) -> Acting:
    """Say as whom and how this unit's objects are written."""
    unit, operation = run.unit, run.operation
    return Acting(
        manager=unit.field_manager,
        service_account=unit.target.service_account,
        force=unit.policy.force or bool(operation and operation.force),
        replace=unit.policy.replace,
        propagation=unit.policy.propagation,
        undo_kubectl=unit.policy.undo_kubectl,
        validate=unit.policy.validate,
    )


def want_what_it_has(run: Reconciliation, context: EngineContext) -> None:
    """Have a unit claim what its inventory holds, and nothing else: a commit that failed may have wanted other objects.

    Those who wait for these are reconciled.
    """
    contents = {entry.ref: entry.content for entry in run.state.inventory.entries}
    for other in context.owners.want(run.unit.ref, run.unit.target.cluster, contents):
        context.requeue(other)


async def plan_towards(
    run: Reconciliation, context: EngineContext, wanted: Sequence[Desired], operation: Operation | None = None
) -> Plan:
    """Make the plan that brings what the unit owns to these objects.

    What waits for an approval is part of it once that was given.
    """
    unit, inventory = run.unit, run.state.inventory
    names = {item.ref for item in wanted}
    gone = [entry.ref for entry in inventory.entries if entry.ref not in names]
    # Asked first: while the cluster answers, another unit may claim what is gone here.
    holding = await context.delivery(unit).holding(unit, gone, frozenset(inventory.refs))
    given = PlanInput(
        unit=unit.ref,
        desired=wanted,
        inventory=inventory,
        policy=unit.policy,
        claims=context.owners.claims(unit.ref, unit.target.cluster, [*(item.ref for item in wanted), *gone]),
        holding=holding,
        selected=frozenset(operation.resources) if operation and operation.resources else None,
        prune=operation.prune if operation else unit.policy.prune,
        permissions=unit.permissions,
        marked=unit.marks.any,
    )
    plan = make_plan(given, lambda ref: context.live(unit, ref))
    if not asks(plan):
        answered(run)
    elif run.inputs is not None and approved(run, context, run.inputs.digest):
        plan = make_plan(msgspec.structs.replace(given, confirmed=True), lambda ref: context.live(unit, ref))
    return plan
