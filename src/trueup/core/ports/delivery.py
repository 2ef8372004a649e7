"""How what a unit wants comes to live, as a port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, ObjectRef
from trueup.core.model.recipe import RenderResult
from trueup.core.model.unit import Unit
from trueup.core.plan.desired import Prepared
from trueup.core.plan.tasks import Step
from trueup.core.ports.target import Acting, Applied


class Delivery(Protocol):
    """What differs between kinds of units: objects in a cluster, a Helm release, a Terraform workspace.

    Admission, sources, inputs, dependencies, plan, verdict, rollback, history and status are the engine's, and the same
    for all. A delivery names the things it brings to live by `ObjectRef`; where they are no objects of a cluster, kind
    and group are of its own choosing. Every method but `live` may raise `Unreachable`.
    """

    async def want(self, unit: Unit, result: RenderResult) -> Prepared:
        """Make what the unit wants of what was rendered. Raises nothing: what is wrong is in `problems`."""
        ...

    async def observe(self, unit: Unit, refs: Iterable[ObjectRef]) -> None:
        """See to it that changes of these things are seen, and wait until each was looked at or has failed."""
        ...

    def live(self, unit: Unit, ref: ObjectRef) -> Live | Presence:
        """Say what is known of a thing. Asks nobody."""
        ...

    def missing(self, unit: Unit, ref: ObjectRef) -> str:
        """Say why a thing cannot be there at all; empty where it merely is not."""
        ...

    async def holding(self, unit: Unit, refs: Iterable[ObjectRef], own: frozenset[ObjectRef]) -> dict[ObjectRef, str]:
        """Say in words which of these hold what is not the unit's, and would be lost with them."""
        ...

    async def prepare(self, unit: Unit, wanted: Sequence[Desired], acting: Acting) -> None:
        """Make the place that things are brought to, if the unit asks for that. Raises `ApplyError`."""
        ...

    async def try_out(self, unit: Unit, step: Step, acting: Acting) -> None:
        """Find out whether a step would be refused. Raises `ApplyError`."""
        ...

    async def carry_out(self, unit: Unit, step: Step, acting: Acting) -> Applied:
        """Carry out one step of a plan: write, or remove. Raises `ApplyError`."""
        ...

    async def usable(self, unit: Unit, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Wait at most `timeout` seconds until others can use these things; give those that are not ready for it."""
        ...
