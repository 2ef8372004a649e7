"""Trying writes out at the API server just before they are made, so that nothing is written beside what is refused.

The steps of one task are tried together. A refusal that may only come of what another step is about to make (a service
account that its Secret names, a definition that a later one is of) proves nothing: writing decides then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from trueup.core.model.unit import Unit
from trueup.core.plan.tasks import Action, Step
from trueup.core.ports import Acting, ApplyError, Delivery

_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?")


async def preflight(
    unit: Unit, delivery: Delivery, steps: Sequence[Step], acting: Acting, *, whole: bool = False
) -> tuple[ApplyError, ...]:
    """Try out steps that will be carried out together; gives what would be refused.

    One object that is made alone needs no trial: refused, it leaves nothing behind. With `whole`, every step is tried,
    and the steps are those of a whole plan, in order.
    """
    several = len(steps) > 1
    tried = [step for step in steps if whole or step.action is Action.CHANGE or (several and _makes(step))]
    results = await asyncio.gather(*(_try_out(unit, delivery, step, acting) for step in tried))
    made = {step.ref.name for step in steps if step.action is Action.CREATE}
    return tuple(error for error in results if error is not None and not _explained(error, made))


def _makes(step: Step) -> bool:
    return step.action is Action.CREATE and not step.undoes


async def _try_out(unit: Unit, delivery: Delivery, step: Step, acting: Acting) -> ApplyError | None:
    try:
        await delivery.try_out(unit, step, acting)
    except ApplyError as error:
        return error
    return None


def _explained(error: ApplyError, made: set[str]) -> bool:
    """Say whether a refusal may be about something that is missing now and is made by another step."""
    others = made - {error.ref.name} if error.ref.name in made else made
    if error.ref.namespace in made:
        others = others | {error.ref.namespace}
    if error.code == "KindNotServed":
        return any(name.endswith(f".{error.ref.group}") for name in others)
    missing = error.code == "NotFound" or "not found" in error.message
    return missing and not others.isdisjoint(_WORD.findall(error.message))
