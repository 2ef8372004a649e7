"""States, values, reports, finalizers, events and proposals in memory."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.events import Event, SyncEnded
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import SourceReport, UnitReport
from trueup.core.model.state import EMPTY_STATE, UnitState
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.ports import StaleState
from trueup.core.rollback.proposal import Proposal, ProposalError, Proposed


class FakeStates:
    """Keeps unit states in memory, by compare-and-swap. Implements `States`."""

    def __init__(self) -> None:
        """Start empty."""
        self.stored: dict[ObjectRef, UnitState] = {}
        self.puts = 0
        self.conflicts = 0
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    def get(self, unit: Unit) -> UnitState:
        """Give what is stored."""
        return self.stored.get(unit.ref, EMPTY_STATE)

    async def put(self, unit: Unit, state: UnitState) -> None:
        """Store it, by way of its JSON as the real one does."""
        if self.conflicts:
            self.conflicts -= 1
            raise StaleState("somebody else wrote")
        self.before_write()
        self.puts += 1
        self.stored[unit.ref] = msgspec.json.decode(msgspec.json.encode(state), type=UnitState)
        self.after_write()

    async def drop(self, unit: Unit) -> None:
        """Remove it."""
        self.stored.pop(unit.ref, None)

    def forget(self, unit: Unit) -> None:
        """Do nothing: a test may want to see what is left."""


class FakeValues:
    """Values by (kind, namespace, name). Implements `Values`."""

    def __init__(self) -> None:
        """Start empty."""
        self.data: dict[tuple[str, str, str], dict[str, bytes]] = {}

    async def read(self, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
        """Give the data."""
        return self.data.get((kind, namespace, name))


class FakeFinalizers:
    """Remembers which units hold a finalizer. Implements `Claims`."""

    def __init__(self) -> None:
        """Start empty."""
        self.held: set[ObjectRef] = set()

    async def add(self, unit: Unit) -> None:
        """Hold it."""
        self.held.add(unit.ref)

    async def remove(self, unit: Unit) -> None:
        """Let it go."""
        self.held.discard(unit.ref)

    def forget(self, ref: ObjectRef) -> None:
        """Do nothing."""


class FakeReports:
    """Keeps the latest report of each unit and source. Implements `Reports`."""

    def __init__(self) -> None:
        """Start empty."""
        self.units: dict[ObjectRef, UnitReport] = {}
        self.sources: dict[ObjectRef, SourceReport] = {}
        self.seen: list[tuple[ObjectRef, UnitReport]] = []

    def unit(self, unit: Unit, report: UnitReport, *, urgent: bool) -> None:
        """Keep it."""
        self.units[unit.ref] = report
        self.seen.append((unit.ref, report))

    def source(self, declaration: SourceDeclaration, report: SourceReport) -> None:
        """Keep it."""
        self.sources[declaration.ref] = report


class FakeEventSink:
    """Keeps every event. Implements `EventSink`."""

    def __init__(self) -> None:
        """Start empty."""
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    @property
    def records(self) -> list[DeploymentRecord]:
        """The records of the syncs that have ended."""
        return [event.record for event in self.events if isinstance(event, SyncEnded)]


class FakeProposals:
    """Gives the same pull request for the same bad commit. Implements `Proposals`."""

    def __init__(self) -> None:
        """Start empty; `error` is raised while it is set."""
        self.asked: list[Proposal] = []
        self.made: dict[tuple[str, str], Proposed] = {}
        self.error: ProposalError | None = None

    async def propose(self, proposal: Proposal) -> Proposed:
        """Make it up."""
        self.asked.append(proposal)
        if self.error is not None:
            raise self.error
        number = len(self.made) + 1
        made = Proposed(f"trueup/revert-{proposal.bad[:12]}", f"https://example.com/pulls/{number}", number)
        return self.made.setdefault((proposal.repository, proposal.bad), made)
