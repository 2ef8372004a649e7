"""Charts that other charts depend on, as a port."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from trueup.core.model.artifact import Resolved
from trueup.core.model.recipe import MissingDependency
from trueup.core.model.unit import Unit


class ChartDependencies(Protocol):
    """Fetches charts that a unit's chart depends on and does not bring, where the unit may have them."""

    async def fetch(self, unit: Unit, missing: Sequence[MissingDependency]) -> tuple[Resolved, ...]:
        """Give each, in their order. Raises `SourceError` that names the dependency, its repository and what helps."""
        ...


def dependency_root(one: MissingDependency) -> str:
    """Name the further root of a render in which a dependency lies; `go/worker` makes the same name."""
    told = "\0".join((one.name, one.version, one.repository))
    return f"chart-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
