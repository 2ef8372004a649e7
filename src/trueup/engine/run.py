"""One pass over one unit: what it was given, what it has found out so far, and why it stopped.

`Memory` is what the engine keeps of a unit between passes; all of it can be lost without harm, since a restart finds
again what matters in the unit's state and in the cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from trueup.core.artifact import Resolved
from trueup.core.desired import Complaint, OptionsReader, Prepared
from trueup.core.drift import HealLog
from trueup.core.objects import ObjectRef
from trueup.core.plan import Plan
from trueup.core.ports import ApplyError, Clock, Fence, Renderer, Reports, Sources, States, Target, Values
from trueup.core.reports import UnitReport
from trueup.core.state import EMPTY_STATE, Inputs, UnitState
from trueup.core.unit import Unit
from trueup.core.verdict import Verdict
from trueup.engine.owners import OwnerIndex
from trueup.engine.registry import Registry
from trueup.engine.sources import SourceKeeper, SourceState


class Next(StrEnum):
    """What the loop does after a pass that stopped early."""

    STALL = "stall"
    """Only a change by the user helps: nothing is scheduled."""

    WAIT = "wait"
    """An event will come: nothing is scheduled."""

    RETRY = "retry"
    """Time may help: the pass is run again after the unit's retry interval."""

    AGAIN = "again"
    """Somebody else acted in between: look again at once."""


class Halt(Exception):
    """A step ends the pass. `code` is for programs, the message for people, `next` for the loop."""

    def __init__(self, code: str, message: str, next: Next, complaints: tuple[Complaint, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next = next
        self.complaints = complaints


@dataclass(slots=True)
class Memory:
    """What is kept of one unit between passes.

    `state` may be ahead of what is stored (`stored`): it is written with the verdict, or when that takes long.
    `prepared` are the desired objects of the inputs `prepared_for`. `rendered` is the revision this unit has last been
    planned for, so that units it may have given objects to know it has looked. `started` is when the attempt under way
    began (monotonic seconds); `degraded` since when an object has been degraded without a break.
    """

    state: UnitState = EMPTY_STATE
    stored: UnitState = EMPTY_STATE
    prepared: Prepared | None = None
    prepared_for: str = ""
    rendered: str = ""
    started: float = 0.0
    heals: dict[ObjectRef, HealLog] = field(default_factory=dict)
    degraded: dict[ObjectRef, float] = field(default_factory=dict)
    retry_at: float = 0.0
    ready: bool = False
    ready_revision: str = ""
    report: UnitReport | None = None
    sickened_at: float = float("-inf")


@dataclass(slots=True)
class Run:
    """One pass. Steps fill it in from left to right; the conclusion reads it."""

    unit: Unit
    memory: Memory
    now: float
    source: SourceState | None = None
    resolved: Resolved | None = None
    inputs: Inputs | None = None
    prepared: Prepared | None = None
    returning: bool = False
    settled: bool = False
    plan: Plan | None = None
    synced: bool = False
    wrote: bool = False
    errors: tuple[ApplyError, ...] = ()
    messages: dict[ObjectRef, str] = field(default_factory=dict)
    contested: dict[ObjectRef, str] = field(default_factory=dict)
    verdict: Verdict | None = None
    gate: Verdict | None = None
    returned_because: str = ""
    not_returned_because: str = ""
    waiting_for: tuple[ObjectRef, ...] = ()
    halt: Halt | None = None
    again_after: float | None = None

    @property
    def state(self) -> UnitState:
        """What is remembered of the unit."""
        return self.memory.state

    def later(self, seconds: float) -> None:
        """Ask for another pass after some seconds; the soonest wish counts."""
        if self.again_after is None or seconds < self.again_after:
            self.again_after = seconds


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports and indexes that steps use."""

    sources: Sources
    keeper: SourceKeeper
    renderer: Renderer
    target: Target
    states: States
    values: Values
    reports: Reports
    clock: Clock
    fence: Fence
    owners: OwnerIndex
    registry: Registry
    options_of: Callable[[Unit], OptionsReader]
    identity: str
