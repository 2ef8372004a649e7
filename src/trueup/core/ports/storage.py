"""Where states, statuses and values are kept, as ports."""

from __future__ import annotations

from typing import Protocol

from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import SourceReport, UnitReport
from trueup.core.model.state import UnitState
from trueup.core.model.unit import SourceDeclaration, Unit


class States(Protocol):
    """Where `UnitState` is kept, by compare-and-swap. Raises `StaleState` when somebody else wrote in between."""

    def get(self, unit: Unit) -> UnitState:
        """Give what is remembered; the empty state for a unit never seen."""
        ...

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Write it, if nobody else did since it was read."""
        ...

    async def drop(self, unit: Unit) -> None:
        """Remove it: nothing is left to be remembered."""
        ...

    def forget(self, unit: Unit) -> None:
        """Let go of the state of a unit whose object is gone: it goes with its owner."""
        ...


class StaleState(Exception):
    """Another controller has written this unit's state: whoever gets this must stop and look again."""


class Unreachable(Exception):
    """What is remembered or referred to could not be read or written just now; time may help."""


class ClusterUnreachable(Unreachable):
    """A cluster cannot be worked on just now. Its units are looked at again when it can."""


class Values(Protocol):
    """Secrets and ConfigMaps that units and sources refer to."""

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the decoded data, `None` where the object is not there."""
        ...


class Reports(Protocol):
    """Where statuses are written. Writes are coalesced and never block the caller."""

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Take note of a unit's latest report."""
        ...

    def source(self, declaration: SourceDeclaration, report: SourceReport) -> None:
        """Take note of a source's latest report."""
        ...


class Finalizers(Protocol):
    """Finalizers of users' objects: an object stays until the engine has cleaned up after it."""

    async def add(self, unit: Unit) -> None:
        """Add the unit's finalizer where it is not there yet."""
        ...

    async def remove(self, unit: Unit) -> None:
        """Remove the finalizer, so that the object can go."""
        ...

    def forget(self, ref: ObjectRef) -> None:
        """Know no longer that an object has its finalizer."""
        ...
