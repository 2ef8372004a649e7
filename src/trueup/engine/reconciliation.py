"""One reconciliation of one unit: what it was given, what it has found out so far, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from trueup.core.health.verdict import Verdict
from trueup.core.model.artifact import Resolved
from trueup.core.model.deployment_record import StepTiming
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import Recipe
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.state import Held, Inputs, UnitState
from trueup.core.model.unit import LateRecipe, Operation, Unit, UnitSource
from trueup.core.plan.desired import Diagnostic
from trueup.core.plan.plan import Plan
from trueup.core.ports import (
    ApplyError,
)
from trueup.engine.runtime import Rendering, UnitRuntime
from trueup.engine.source_controller import SourceState


class Located(msgspec.Struct, frozen=True):
    """One source of a unit at the revision that is reconciled, and how its files are read."""

    ref: ObjectRef
    resolved: Resolved
    recipe: Recipe | None = None
    name: str = ""
    late: LateRecipe | None = None

    @classmethod
    def of(cls, source: UnitSource, resolved: Resolved) -> Located:
        """Give a source at a revision."""
        return cls(source.ref, resolved, source.recipe, source.name, source.late)

    @property
    def key(self) -> tuple[ObjectRef, str]:
        """Name its files: two sources of one repository may be at different revisions."""
        return self.ref, str(self.resolved.revision)


class Next(StrEnum):
    """What the loop does after a reconciliation that stopped early."""

    STALL = "stall"
    """Only a change by the user helps: nothing is scheduled."""

    WAIT = "wait"
    """An event will come: nothing is scheduled."""

    RETRY = "retry"
    """Time may help: it is run again after the unit's retry interval."""


class Halt(Exception):
    """A step ends the reconciliation: where the unit stands, why, in words for people, and what the loop does next."""

    def __init__(self, phase: UnitPhase, reason: Reason, message: str, next: Next) -> None:
        super().__init__(message)
        self.phase = phase
        self.reason = reason
        self.message = message
        self.next = next


class NotYetKnown(Exception):
    """What a unit waits for has not been reconciled since this process began: its object keeps its status until then.

    Whatever it is will have the unit reconciled again when it is known.
    """


class Withdrawn(Exception):
    """The unit's object has gone, or was made anew, while it was reconciled: nothing more is done for it."""


class Intent(StrEnum):
    """Why a reconciliation writes."""

    REQUEST = "request"
    CHANGE = "change"
    HEAL = "heal"
    RETURN = "return"
    PIN = "pin"


@dataclass(slots=True)
class Reconciliation:
    """One pass. Steps fill it in from top to bottom; the conclusion reads it.

    `asked_by` is who asked for this look. `declared` is what Git says now; `wanted` what the unit shall be brought to,
    which is the same unless bad inputs are held back; `skipped` are objects that going back leaves as they are.
    `begun`: the attempt is recorded. `left` was not removed, because another unit has come to want it. `settled`:
    everything was found as it should be, without rendering. `unready` is a dependency that would be waited for, were it
    not for going back. `timings` has the steps that have ended, `sync` the id of the sync that it is part of.
    """

    unit: Unit
    runtime: UnitRuntime
    now: float
    operation: Operation | None = None
    asked_by: str = ""
    source: SourceState | None = None
    located: tuple[Located, ...] = ()
    source_problem: str = ""
    inputs: Inputs | None = None
    declared: Rendering | None = None
    wanted: Rendering | None = None
    returning: bool = False
    pinned: bool = False
    skipped: frozenset[ObjectRef] = frozenset()
    unready: str = ""
    settled: bool = False
    plan: Plan | None = None
    intent: Intent | None = None
    out_of_sync: str = ""
    refused: bool = False
    begun: bool = False
    written: int = 0
    left: set[ObjectRef] = field(default_factory=set)
    errors: tuple[ApplyError, ...] = ()
    prune_errors: tuple[ApplyError, ...] = ()
    waiting: str = ""
    synced: bool = False
    store_now: bool = False
    contested: dict[ObjectRef, str] = field(default_factory=dict)
    shared: dict[ObjectRef, str] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    verdict: Verdict | None = None
    gate: Verdict | None = None
    halt: Halt | None = None
    again_after: float | None = None
    again_urgent: bool = True
    timings: list[StepTiming] = field(default_factory=list)
    sync: str = ""

    @property
    def state(self) -> UnitState:
        """What is remembered of the unit."""
        return self.runtime.state

    @property
    def held(self) -> Held | None:
        """What is held back; nothing is while somebody keeps the unit where it is."""
        return None if self.state.pin is not None else self.state.held

    @property
    def sources(self) -> tuple[UnitSource, ...]:
        """The unit's sources, read as somebody asks for, or as the unit says."""
        asked = self.operation.sources if self.operation is not None and self.state.pin is None else ()
        return asked or self.unit.sources

    @property
    def resolved(self) -> Resolved | None:
        """The first source's artifact, `None` while it is not known."""
        return self.located[0].resolved if self.located else None

    @property
    def revisions(self) -> dict[ObjectRef, str]:
        """Every source's revision now; empty while they are not known."""
        return {one.ref: str(one.resolved.revision) for one in self.located}

    @property
    def several(self) -> tuple[str, ...]:
        """The revisions now of several sources, in their order; empty where there is one."""
        return tuple(str(one.resolved.revision) for one in self.located) if len(self.located) > 1 else ()

    @property
    def revision(self) -> str:
        """The first source's revision now, as Flux writes it; empty while it is not known."""
        return str(self.resolved.revision) if self.resolved else ""

    def later(self, seconds: float, *, urgent: bool = True) -> None:
        """Ask for another pass after some seconds, at least a hundredth; the soonest wish counts.

        One that is not urgent goes behind all that is.
        """
        seconds = max(seconds, 0.01)
        if self.again_after is None or seconds < self.again_after:
            self.again_after, self.again_urgent = seconds, urgent

    def again(self) -> None:
        """Ask for another pass at once."""
        self.again_after, self.again_urgent = 0.0, True
