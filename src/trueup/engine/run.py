"""One pass over one unit: what it was given, what it has found out so far, and why it stopped.

`Memory` is what the engine keeps of a unit between passes; all of it can be lost without harm, since a restart finds
again what matters in the unit's state and in the cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from trueup.core.artifact import CommitInfo, Resolved
from trueup.core.deployment import StepTiming
from trueup.core.desired import Complaint, OptionsReader, Prepared
from trueup.core.drift import HealLog
from trueup.core.objects import Body, ObjectRef
from trueup.core.pinning import Request
from trueup.core.plan import Plan
from trueup.core.ports import (
    ApplyError,
    Claims,
    Clock,
    Fence,
    Journal,
    Renderer,
    Reports,
    Sources,
    States,
    Target,
    Values,
)
from trueup.core.reports import ObjectResult, OperationReport, Reason, UnitPhase, UnitReport
from trueup.core.state import EMPTY_STATE, Held, Inputs, Offer, UnitState
from trueup.core.unit import Operation, Unit
from trueup.core.verdict import Verdict
from trueup.engine.breaker import Breaker
from trueup.engine.draft import Draft
from trueup.engine.owners import OwnerIndex
from trueup.engine.registry import Registry
from trueup.engine.sources import SourceKeeper, SourceState

COMMITS_KEPT = 12


class Next(StrEnum):
    """What the loop does after a pass that stopped early."""

    STALL = "stall"
    """Only a change by the user helps: nothing is scheduled."""

    WAIT = "wait"
    """An event will come: nothing is scheduled."""

    RETRY = "retry"
    """Time may help: the pass is run again after the unit's retry interval."""


class Halt(Exception):
    """A step ends the pass: where the unit stands, why, in words for people, and what the loop does next."""

    def __init__(self, phase: UnitPhase, reason: Reason, message: str, next: Next) -> None:
        super().__init__(message)
        self.phase = phase
        self.reason = reason
        self.message = message
        self.next = next


class Intent(StrEnum):
    """Why a pass writes."""

    REQUEST = "request"
    CHANGE = "change"
    HEAL = "heal"
    RETURN = "return"
    PIN = "pin"


class Rendering(msgspec.Struct, frozen=True):
    """What some inputs gave: the inputs by content, the desired objects, and the recipe's kind.

    `paths` are the files and folders of the artifact that were looked at; none where they are too many to be told.
    """

    inputs: Inputs
    prepared: Prepared
    recipe: str
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class Memory:
    """What is kept of one unit between passes.

    `state` may be ahead of what is stored: it is written with the verdict, or when that takes long (`unstored` says
    since when). `renderings` holds the last ones by their inputs' digest, `commits` the last commits by revision.
    `planned` is the revision this unit has last been planned for, so that units it may have given objects to know it
    has looked. `started` is when the attempt under
    way began (monotonic seconds), `checked_for` how long the last one took until its verdict. `degraded` says since
    when an object has been degraded without a break, `unready` since when the gate has not been passed. `prune_since`
    is when a prune began to wait for other units. `undecided` is why a sick unit is not taken back yet, `stays_behind`
    why a healthy one does not go back with its group, and `obstructed` for which return that was found out.
    `ahead`: it went back, and would go on with Git if its dependencies were ready.
    `seen_by_group` is what the units it is tied to have been told of it. `offered` is what has come of
    proposed reverts and is not in the state yet. `released` is the request that ended a pin,
    until what follows is written; `refused_request` why one could not be met. `draft` is the deployment record of the
    sync under way, and `failure_told` the revision and message of the last failure to render that was recorded.
    """

    state: UnitState = EMPTY_STATE
    loaded: bool = False
    unstored: float = 0.0
    renderings: dict[str, Rendering] = field(default_factory=dict)
    commits: dict[str, CommitInfo] = field(default_factory=dict)
    planned: str = ""
    started: float = 0.0
    checked_for: float = 0.0
    heals: dict[ObjectRef, HealLog] = field(default_factory=dict)
    degraded: dict[ObjectRef, float] = field(default_factory=dict)
    unready: float = 0.0
    prune_since: float = 0.0
    retry_at: float = 0.0
    retried_for: str = ""
    ready: bool = False
    ready_revision: str = ""
    operation: OperationReport | None = None
    results: dict[ObjectRef, ObjectResult] = field(default_factory=dict)
    report: UnitReport | None = None
    deleting_since: float = 0.0
    undecided: str = ""
    stays_behind: str = ""
    obstructed: str = ""
    ahead: bool = False
    seen_by_group: tuple[str, str, bool] = ("", "", False)
    offered: dict[str, Offer] = field(default_factory=dict)
    released: Request | None = None
    refused_request: str = ""
    draft: Draft | None = None
    failure_told: tuple[str, str] = ("", "")

    def learn(self, resolved: Resolved) -> None:
        """Remember the commit of a revision, and of no more than the last few."""
        self.commits[str(resolved.revision)] = resolved.commit
        while len(self.commits) > COMMITS_KEPT:
            del self.commits[next(iter(self.commits))]

    def keep(self, rendering: Rendering) -> None:
        """Remember a rendering: that of the inputs last seen, of the good ones and the pinned, no more."""
        kept = {inputs.digest for inputs in (self.state.good, self.state.pin and self.state.pin.inputs) if inputs}
        self.renderings = {key: value for key, value in self.renderings.items() if key in kept}
        self.renderings[rendering.inputs.digest] = rendering


@dataclass(slots=True)
class Run:
    """One pass. Steps fill it in from top to bottom; the conclusion reads it.

    `asked_by` is who asked for this look. `declared` is what Git says now; `wanted` what the unit shall be brought to,
    which is the same unless bad inputs are held back; `skipped` are objects that going back leaves as they are.
    `settled`: everything was found as it should be, without rendering. `unready` is a dependency that would be waited
    for, were it not for going back. `timings` has the steps that have ended, `sync` the id of the sync that it is
    part of.
    """

    unit: Unit
    memory: Memory
    now: float
    operation: Operation | None = None
    asked_by: str = ""
    source: SourceState | None = None
    resolved: Resolved | None = None
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
    written: int = 0
    errors: tuple[ApplyError, ...] = ()
    prune_errors: tuple[ApplyError, ...] = ()
    waiting: str = ""
    synced: bool = False
    store_now: bool = False
    contested: dict[ObjectRef, str] = field(default_factory=dict)
    shared: dict[ObjectRef, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
    verdict: Verdict | None = None
    gate: Verdict | None = None
    halt: Halt | None = None
    again_after: float | None = None
    timings: list[StepTiming] = field(default_factory=list)
    sync: str = ""

    @property
    def state(self) -> UnitState:
        """What is remembered of the unit."""
        return self.memory.state

    @property
    def held(self) -> Held | None:
        """What is held back; nothing is while somebody keeps the unit where it is."""
        return None if self.state.pin is not None else self.state.held

    @property
    def revision(self) -> str:
        """Git's revision now, as Flux writes it; empty while it is not known."""
        return str(self.resolved.revision) if self.resolved else ""

    def later(self, seconds: float) -> None:
        """Ask for another pass after some seconds, at least a hundredth; the soonest wish counts."""
        seconds = max(seconds, 0.01)
        if self.again_after is None or seconds < self.again_after:
            self.again_after = seconds

    def again(self) -> None:
        """Ask for another pass at once."""
        self.again_after = 0.0


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports and indexes that steps use.

    `memory_of` gives another unit's memory, `body_of` the user's object of a unit, `occupied` names
    the other controller whose object it is. `announce` is called with a unit's ref when its readiness changed; `wake`
    has a unit looked at again. `breaker` knows which units are sick at once, `culprits` are the units whose own
    sickness holds something back, and `asked` gives what somebody asks of a unit by its `UnitState`. `propose` has
    a unit's offers made; `None`: nobody makes any.
    """

    sources: Sources
    keeper: SourceKeeper
    renderer: Renderer
    target: Target
    states: States
    values: Values
    reports: Reports
    journal: Journal
    clock: Clock
    fence: Fence
    claims: Claims
    owners: OwnerIndex
    registry: Registry
    options_of: Callable[[Unit], OptionsReader]
    memory_of: Callable[[ObjectRef], Memory | None]
    body_of: Callable[[ObjectRef], Body | None]
    occupied: Callable[[ObjectRef], str]
    announce: Callable[[ObjectRef], None]
    wake: Callable[[ObjectRef], None]
    breaker: Breaker
    culprits: set[ObjectRef]
    asked: Callable[[ObjectRef], Request | None]
    propose: Callable[[ObjectRef], None] | None
    identity: str
