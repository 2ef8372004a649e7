"""What the engine keeps of a unit between reconciliations.

All of it can be lost without harm: a restart finds what matters in the unit's state and in the cluster.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from trueup.core.health import Health
from trueup.core.health.timeline import Timeline
from trueup.core.model.artifact import Provenance, Resolved
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import RenderResult
from trueup.core.model.reports import ObjectResult, OperationReport, UnitReport
from trueup.core.model.state import EMPTY_STATE, Inputs, RevertProposal, UnitState
from trueup.core.plan.desired import Diagnostic, Prepared
from trueup.core.plan.heal_backoff import HealLog
from trueup.core.rollback.pinning import Request
from trueup.engine.records.builder import RecordBuilder

COMMITS_KEPT = 12


class Rendering(msgspec.Struct, frozen=True):
    """What some inputs gave: the inputs by content, the desired objects, and the recipe's kind, or each source's.

    `paths` are the files and folders of the artifact that rendering read; none where they are too many to be told.
    `said` is what files of the source that change its recipe ask for in vain.
    """

    inputs: Inputs
    prepared: Prepared
    recipe: str
    paths: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that people should know of it."""
        return (*(Diagnostic("unsupported", text) for text in self.said), *self.prepared.warnings)


@dataclass(slots=True)
class RenderCache:
    """The unit's last renderings by their inputs' digest, and the last commits by revision.

    `files` are those that change a recipe, by id, as they were last read.
    """

    by_inputs: dict[str, Rendering] = field(default_factory=dict)
    commits: dict[str, Provenance] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def learn(self, resolved: Resolved) -> None:
        """Remember the commit of a revision, and of no more than the last few."""
        self.commits[str(resolved.revision)] = resolved.provenance
        while len(self.commits) > COMMITS_KEPT:
            del self.commits[next(iter(self.commits))]

    def keep(self, rendering: Rendering, state: UnitState) -> None:
        """Remember a rendering: that of the inputs last seen, of the good ones and the pinned, no more."""
        kept = {inputs.digest for inputs in (state.good, state.pin and state.pin.inputs) if inputs}
        self.by_inputs = {key: value for key, value in self.by_inputs.items() if key in kept}
        self.by_inputs[rendering.inputs.digest] = rendering


class Judged(msgspec.Struct, frozen=True):
    """What a user's expressions say of an object, as it was at a resourceVersion."""

    resource_version: str
    spec: str
    health: Health


@dataclass(slots=True)
class Readiness:
    """Whether the unit was ready when it was last reconciled, and at which revision of each source.

    `unready_since` is when its gate was last found not to be passed (monotonic seconds); 0 where it is.
    """

    ready: bool = False
    revisions: dict[ObjectRef, str] = field(default_factory=dict)
    unready_since: float = 0.0


@dataclass(slots=True)
class SyncProgress:
    """The sync under way, and what is shown of the last one.

    `started` is when the attempt began (monotonic seconds), `checked_for` how long the last one took until its verdict.
    `timeline` says when each object came further, and since when it is in trouble; `heals` when it was healed lately.
    `record` is the deployment record that is being written, `failure_told` the revision and message of the last failure
    to render that was recorded. `judged` is the health of objects that users' expressions judge, and
    `checked_expressions` the spec whose expressions can be read.
    """

    started: float = 0.0
    checked_for: float = 0.0
    timeline: Timeline = field(default_factory=Timeline)
    heals: dict[ObjectRef, HealLog] = field(default_factory=dict)
    operation: OperationReport | None = None
    results: dict[ObjectRef, ObjectResult] = field(default_factory=dict)
    record: RecordBuilder | None = None
    judged: dict[ObjectRef, Judged] = field(default_factory=dict)
    checked_expressions: str = ""
    failure_told: tuple[str, str] = ("", "")


@dataclass(slots=True)
class RollbackProgress:
    """How a rollback stands.

    `undecided` is why an unhealthy unit is not taken back yet, `stays_behind` why a healthy one does not go back with
    its group, and `obstructed` for which return that was found out. `ahead`: it went back, and would go on with Git if
    its dependencies were ready. `told_group` is what the units it is tied to have been told of it. `proposals_made` is
    what has come of proposed reverts and is not in the state yet.
    """

    undecided: str = ""
    stays_behind: str = ""
    obstructed: str = ""
    ahead: bool = False
    told_group: tuple[str, str, bool] = ("", "", False)
    proposals_made: dict[str, RevertProposal] = field(default_factory=dict)


@dataclass(slots=True)
class Pinning:
    """`released` is the request that ended a pin, until what follows is written; `refused` why one could not be met."""

    released: Request | None = None
    refused: str = ""


@dataclass(slots=True)
class Moves:
    """What concerns objects that go from one unit, or cluster, to another.

    `waiting_since` is when a prune began to wait for other units (monotonic seconds), 0 where
    none does; `going_since` when it was asked that the objects of a deleted unit go. `left_behind` is what stays in a
    cluster that the unit named before, in words.
    """

    waiting_since: float = 0.0
    going_since: float = 0.0
    left_behind: str = ""


@dataclass(slots=True)
class UnitRuntime:
    """What is kept of one unit between reconciliations.

    `state` may be ahead of what is stored: it is changed and stored by `trueup.engine.state` alone, and `unstored` says
    since when it is ahead (monotonic seconds), 0 where it is not. `loaded`: it was read since the process began.
    `rendering` is the render under way.
    `retry_at` is when failed inputs may be tried again, `report` what was last reported.
    """

    state: UnitState = EMPTY_STATE
    loaded: bool = False
    unstored: float = 0.0
    retry_at: float = 0.0
    report: UnitReport | None = None
    renders: RenderCache = field(default_factory=RenderCache)
    readiness: Readiness = field(default_factory=Readiness)
    sync: SyncProgress = field(default_factory=SyncProgress)
    rollback: RollbackProgress = field(default_factory=RollbackProgress)
    pinning: Pinning = field(default_factory=Pinning)
    moves: Moves = field(default_factory=Moves)
    rendering: asyncio.Task[RenderResult] | None = None

    def end_rendering(self) -> None:
        """Cancel the render under way: nobody wants what it gives any more."""
        if self.rendering is not None:
            self.rendering.cancel()
