"""The deployment record: one sync as the history keeps it, with who, when and why, what changed, and how it ended.

Plain values that the engine makes and never reads again; the history stores them and answers questions about them.
Times are aware datetimes in UTC; durations are seconds.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from trueup.core.fields.changes import ObjectChange
from trueup.core.model.artifact import Provenance
from trueup.core.model.objects import ObjectRef


class Cause(StrEnum):
    """What began a sync."""

    CHANGE = "change"
    """Git, the unit's own object, or a value it refers to has changed."""

    REQUEST = "request"
    """Somebody asked for it."""

    HEAL = "heal"
    """What lives had drifted."""

    RETURN = "return"
    """The sync before made the unit sick: its last good inputs come back."""

    PIN = "pin"
    """Somebody has pinned the unit to an earlier deployment, or released it."""

    DELETE = "delete"
    """The unit itself was deleted."""


class Ending(StrEnum):
    """How a sync ended."""

    GOOD = "good"
    SICK = "sick"
    """Carried out, but its objects did not become healthy; it was left in place."""

    RETURNED = "returned"
    """Carried out, its objects did not become healthy, and the last good inputs came back."""

    REFUSED = "refused"
    """It was tried out first, and the API server or a guard refused it: nothing was changed."""

    FAILED = "failed"
    """Some of it was carried out, some failed; or it could not be rendered at all."""

    SUPERSEDED = "superseded"
    """Newer inputs came before it had ended."""


class StepTiming(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a sync and how long it took, over all passes."""

    name: str
    seconds: float
    error: str = ""


class DeploymentRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sync.

    `id` is unique and the same after a restart in the middle of it (`resumed`: what was changed before the restart
    is not listed). `unit_uid` tells a unit from a later one of the same name. `tenant` is the project or namespace
    it belongs to; `cluster` and `namespace` are where it delivers to, `manager` the field manager it writes as.
    `source` is the repository's URL, `path` the folder in it. `revision` is what was delivered and `previous` what
    was delivered before, both as Flux writes revisions; `commit` is that of `revision`. `revisions` are those of
    all sources where these are several. `initiator` is the person who asked, empty for what happens by itself.
    `operation` is the request's id. `inputs` names what was delivered by content, `objects` what it rendered to.
    `images` and `versions` are what the objects say they run. `related` is the id of the sync that caused this one
    (for a return: the sick one). `tries` is how often the same failed in a row: only the first, second, fourth,
    eighth… try is told.
    """

    id: str
    unit: ObjectRef
    unit_uid: str
    cause: Cause
    ending: Ending
    started: datetime
    finished: datetime
    message: str = ""
    tenant: str = ""
    cluster: str = ""
    namespace: str = ""
    manager: str = ""
    source: str = ""
    path: str = ""
    revision: str = ""
    previous: str = ""
    commit: Provenance | None = None
    initiator: str = ""
    operation: str = ""
    inputs: str = ""
    objects: str = ""
    images: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    changes: tuple[ObjectChange, ...] = ()
    more: int = 0
    steps: tuple[StepTiming, ...] = ()
    related: str = ""
    tries: int = 1
    resumed: bool = False
    revisions: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, until its verdict."""
        return (self.finished - self.started).total_seconds()
