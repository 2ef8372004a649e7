"""What the engine keeps of a unit between reconciliations.

All of it can be lost without harm: a restart finds what matters in the unit's state and in the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from trueup.core.health.timeline import Timeline
from trueup.core.model.artifact import Provenance, Resolved
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import ObjectResult, OperationReport, UnitReport
from trueup.core.model.state import EMPTY_STATE, Inputs, RevertProposal, UnitState
from trueup.core.plan.desired import Prepared
from trueup.core.plan.drift import HealLog
from trueup.core.rollback.pinning import Request
from trueup.engine.records.builder import RecordBuilder

COMMITS_KEPT = 12


class Rendering(msgspec.Struct, frozen=True):
    """What some inputs gave: the inputs by content, the desired objects, and the recipe's kind.

    `paths` are the files and folders of the artifact that were looked at; none where they are too many to be told.
    """

    inputs: Inputs
    prepared: Prepared
    recipe: str
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class UnitRuntime:
    """What is kept of one unit between passes.

    `state` may be ahead of what is stored: it is written with the verdict, or when that takes long (`unstored` says
    since when). `renderings` holds the last ones by their inputs' digest, `commits` the last commits by revision.
    `planned` has, by source, the revision this unit has last been planned for, so that units it may have given objects
    to know it has looked. `started` is when the attempt under way began (monotonic seconds), `checked_for` how long the
    last one took until its verdict. `timeline` says when each object came further, and since when it is in trouble;
    `unready` since when the gate has not been passed. `prune_since` is when a prune began to wait for other units.
    `undecided` is why a sick unit is not taken back yet, `stays_behind` why a healthy one does not go back with its
    group, and `obstructed` for which return that was found out. `ahead`: it went back, and would go on with Git if its
    dependencies were ready. `seen_by_group` is what the units it is tied to have been told of it. `proposals_made` is
    what has come of proposed reverts and is not in the state yet. `released` is the request that ended a pin, until
    what follows is written; `left_behind` what stays in a cluster that the unit named before, in words;
    `refused_request` why one could not be met. `record` is the deployment record of the sync under way, and
    `failure_told` the revision and message of the last failure to render that was recorded.
    """

    state: UnitState = EMPTY_STATE
    loaded: bool = False
    unstored: float = 0.0
    renderings: dict[str, Rendering] = field(default_factory=dict)
    commits: dict[str, Provenance] = field(default_factory=dict)
    planned: dict[ObjectRef, str] = field(default_factory=dict)
    started: float = 0.0
    checked_for: float = 0.0
    heals: dict[ObjectRef, HealLog] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    unready: float = 0.0
    prune_since: float = 0.0
    retry_at: float = 0.0
    retried_for: str = ""
    ready: bool = False
    ready_revisions: dict[ObjectRef, str] = field(default_factory=dict)
    operation: OperationReport | None = None
    results: dict[ObjectRef, ObjectResult] = field(default_factory=dict)
    report: UnitReport | None = None
    deleting_since: float = 0.0
    undecided: str = ""
    stays_behind: str = ""
    obstructed: str = ""
    ahead: bool = False
    seen_by_group: tuple[str, str, bool] = ("", "", False)
    proposals_made: dict[str, RevertProposal] = field(default_factory=dict)
    released: Request | None = None
    refused_request: str = ""
    left_behind: str = ""
    record: RecordBuilder | None = None
    failure_told: tuple[str, str] = ("", "")

    def learn(self, resolved: Resolved) -> None:
        """Remember the commit of a revision, and of no more than the last few."""
        self.commits[str(resolved.revision)] = resolved.provenance
        while len(self.commits) > COMMITS_KEPT:
            del self.commits[next(iter(self.commits))]

    def keep(self, rendering: Rendering) -> None:
        """Remember a rendering: that of the inputs last seen, of the good ones and the pinned, no more."""
        kept = {inputs.digest for inputs in (self.state.good, self.state.pin and self.state.pin.inputs) if inputs}
        self.renderings = {key: value for key, value in self.renderings.items() if key in kept}
        self.renderings[rendering.inputs.digest] = rendering
