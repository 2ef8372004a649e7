"""Whether a sick unit returns to its last good inputs by itself, and if not, why not.

Each rule is a small function that gives a reason against the return, in words; the first that speaks wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import Inputs, RevertProposal, UnitState
from trueup.core.model.unit import ReturnPolicy, Unit
from trueup.core.rollback.obstacles import Obstacle

BREAKER_UNITS = 5
"""This many units that sicken within the window are no bad commit of one of them."""

BREAKER_SHARE = 0.3
"""…if they are also more than this share of all units."""

BREAKER_WINDOW = 60.0
"""Seconds within which units sicken together."""

BREAKER_PAUSE = 10.0
"""Seconds after which a unit that stays because many sickened is looked at again."""

RETURN_TRIES = 5
"""So often a return is tried whose writes fail for reasons that time may mend."""

OBSTACLES_TOLD = 3
OFFERS_KEPT = 5


class Situation(msgspec.Struct, frozen=True):
    """What is known when a unit has been judged sick.

    `inputs` are what was applied, `sick` the objects that failed, `touched` those this change changed. `sickened` is
    how many units sickened together with it, `units` how many there are. `obstacles` are what stands in the way.
    `proposes`: a return is also proposed in Git. `chosen`: these inputs are not Git's, but what somebody asked for.
    """

    policy: ReturnPolicy
    state: UnitState
    inputs: Inputs
    sick: tuple[ObjectRef, ...]
    touched: frozenset[ObjectRef]
    sickened: int = 0
    units: int = 1
    obstacles: tuple[Obstacle, ...] = ()
    proposes: bool = False
    chosen: bool = False


class Decision(msgspec.Struct, frozen=True):
    """Return to `good`, or stay as it is because of `reason`; `later`: the reason passes, and is asked again then.

    `proposes`: the revert is offered to people.
    """

    good: Inputs | None = None
    reason: str = ""
    later: bool = False
    proposes: bool = False
    chosen: bool = False

    @property
    def returns(self) -> bool:
        """Whether to go back."""
        return self.good is not None


def _never_good(case: Situation) -> str:
    return "" if case.state.good else "this unit was never healthy before, so there is nothing to return to"


def _same_inputs(case: Situation) -> str:
    good = case.state.good
    return "the last good inputs are these very ones" if good and good.digest == case.inputs.digest else ""


def _already_returning(case: Situation) -> str:
    held = case.state.held
    good = case.state.good
    if held and good and case.inputs.digest == good.digest:
        return "this is already the return to the last good inputs"
    return ""


def _pinned(case: Situation) -> str:
    return f"it is {case.state.pin.words}" if case.state.pin else ""


def _chosen(case: Situation) -> str:
    return "somebody asked for this revision, which is not the one Git says" if case.chosen else ""


def _unhealthy_before(case: Situation) -> str:
    return "" if case.sick else "what is unhealthy was so before this change too"


def _not_touched(case: Situation) -> str:
    if any(ref in case.touched for ref in case.sick):
        return ""
    return "the objects that fail are not those that this change touched"


def _policy(case: Situation) -> str:
    return "" if case.policy is ReturnPolicy.AUTO else f"its rollback policy is {case.policy.value!r}"


def _many_sicken(case: Situation) -> str:
    if case.sickened >= BREAKER_UNITS and case.sickened > BREAKER_SHARE * case.units:
        return f"{case.sickened} of {case.units} units sickened together, which no change of one of them explains"
    return ""


def _obstacles(case: Situation) -> str:
    said = [item.message for item in case.obstacles[:OBSTACLES_TOLD]]
    more = len(case.obstacles) - len(said)
    return "; ".join(said) + (f"; and {more} more objects stand in the way" if more > 0 else "")


RULES: Iterable[Callable[[Situation], str]] = (
    _pinned,
    _chosen,
    _never_good,
    _already_returning,
    _same_inputs,
    _unhealthy_before,
    _not_touched,
    _policy,
    _many_sicken,
    _obstacles,
)


def decide(case: Situation) -> Decision:
    """Decide about the return."""
    for rule in RULES:
        if reason := rule(case):
            if rule is _policy and case.policy is ReturnPolicy.PROPOSE:
                many = _many_sicken(case)
                return Decision(None, many or reason, later=bool(many), proposes=not many)
            passes = rule is _many_sicken or (rule is _obstacles and all(item.passes for item in case.obstacles))
            return Decision(None, reason, later=passes)
    return Decision(case.state.good, proposes=case.proposes)


def with_offer(offers: tuple[RevertProposal, ...], offer: RevertProposal) -> tuple[RevertProposal, ...]:
    """Give the offers with one more, unless that revision's revert is among them; the oldest go."""
    if any(item.revision == offer.revision for item in offers):
        return offers
    return (*offers, offer)[-OFFERS_KEPT:]


def policy_of(unit: Unit, state: UnitState) -> ReturnPolicy:
    """Give the policy that holds: the unit's own, or for one that was taken over and names none, the one for those."""
    return unit.inherited if state.taken_over and unit.inherited is not None else unit.returns
