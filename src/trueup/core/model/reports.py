"""What the engine says of units and sources, in neutral words, for a dialect to write as status.

The engine fills a `UnitReport` or `SourceReport`; a dialect's pure writer turns (the user's object, report, time) into
a `StatusWrite`, or into nothing when the status already says all of it. Revisions are strings as Flux writes them
(`main@sha1:…`, `sha1:…`); times are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from trueup.core.health import Health
from trueup.core.model.artifact import Artifact, Fault, Provenance
from trueup.core.model.objects import Body, Inventory, ObjectRef, Phase
from trueup.core.model.state import Held, HistoryEntry, Pin
from trueup.core.model.unit import Operation


class UnitPhase(StrEnum):
    """What the engine is doing with a unit, or how it ended."""

    WAITING = "waiting"
    """For its source or for units it depends on."""

    RENDERING = "rendering"
    APPLYING = "applying"
    CHECKING = "checking"
    """Everything is applied; health is awaited."""

    SETTLED = "settled"
    """Nothing is left to do: applied and, where that is asked for, healthy."""

    OUT_OF_SYNC = "out-of-sync"
    """There is something to do, but only when somebody asks for it (no automated sync)."""

    FAILED = "failed"
    HELD = "held"
    """The last inputs made the unit sick: it runs the last good ones, and those are held back."""

    SUSPENDED = "suspended"
    OBSERVED = "observed"
    """Another controller's: looked at, not touched."""

    DELETING = "deleting"


class Reason(StrEnum):
    """Why a unit is where it is. Each dialect has its own word for each."""

    SUCCEEDED = "succeeded"
    PROGRESSING = "progressing"
    SUSPENDED = "suspended"
    INVALID_SPEC = "invalid-spec"
    ACCESS_DENIED = "access-denied"
    DEPENDENCY_NOT_READY = "dependency-not-ready"
    SOURCE_MISSING = "source-missing"
    SOURCE_NOT_READY = "source-not-ready"
    SOURCE_FAILED = "source-failed"
    PATH_ABSENT = "path-absent"
    RENDER_FAILED = "render-failed"
    SUBSTITUTION_FAILED = "substitution-failed"
    EXPRESSION_INVALID = "expression-invalid"
    REFUSED = "refused"
    """The API server (or a guard) refused a write: at the dry run, or while applying."""

    PRUNE_FAILED = "prune-failed"
    UNHEALTHY = "unhealthy"
    CANCELED = "canceled"
    """Health was no longer awaited, because a new revision came."""

    DELETION_FAILED = "deletion-failed"
    INTERNAL = "internal"


class SyncState(StrEnum):
    """Whether what lives is what Git says."""

    SYNCED = "synced"
    OUT_OF_SYNC = "out-of-sync"
    UNKNOWN = "unknown"


class ObjectReport(msgspec.Struct, frozen=True):
    """One object of a unit as it stands.

    `health` is `None` for a kind whose health is not judged. `requires_pruning`: it lives, but Git no longer has it.
    `hook`: it is run in a sync and not kept. `confirm`: its removal waits for somebody's confirmation.
    """

    ref: ObjectRef
    version: str
    sync: SyncState
    health: Health | None = None
    hook: bool = False
    requires_pruning: bool = False
    wave: int = 0
    confirm: bool = False


class ResultCode(StrEnum):
    """What a sync did with one object."""

    SYNCED = "synced"
    FAILED = "failed"
    PRUNED = "pruned"
    PRUNE_SKIPPED = "prune-skipped"


class ObjectResult(msgspec.Struct, frozen=True):
    """One object in the outcome of a sync. `message` is kubectl's way to say it: `deployment.apps/web configured`."""

    ref: ObjectRef
    version: str
    code: ResultCode
    message: str = ""
    phase: Phase = Phase.SYNC
    images: tuple[str, ...] = ()


class OperationState(StrEnum):
    """Where an operation stands. FAILED: it was carried out and something failed; ERROR: it could not be."""

    RUNNING = "running"
    TERMINATING = "terminating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERROR = "error"


class OperationReport(msgspec.Struct, frozen=True):
    """A sync, by hand or automated, under way or the last one that ended.

    `request` is what a user asked for by hand, `None` for an automated one. `revision` is what it delivers, `revisions`
    of all sources where these are several. `healing`: it only restored what had drifted.
    """

    state: OperationState
    revision: str
    started: datetime
    finished: datetime | None = None
    message: str = ""
    retries: int = 0
    request: Operation | None = None
    healing: bool = False
    results: tuple[ObjectResult, ...] = ()
    revisions: tuple[str, ...] = ()


class Notice(msgspec.Struct, frozen=True):
    """Something the user should know that changes nothing else.

    Codes: `unknown-field`, `unsupported`, `shared-object`, `repeated-object`, `excluded-object`, `contested`, `hook`,
    and whatever a renderer or guard calls its own.
    """

    code: str
    message: str


class UnitReport(msgspec.Struct, frozen=True):
    """Everything a status shows of a unit.

    `generation` is the object's generation that the engine has acted on. `current` is Git's revision now,
    `attempted` the last one tried, `applied` the last one that ended well; `revisions` are those of all sources
    that `applied` stands for, where these are several, and `currents` those that `current` does. `commit` is that of
    `current`. `stalled`: only a change by the user can help. `retry_in`: seconds until the next try, for the message.
    `recipe` is the kind that rendering used, `recipes` that of each of several sources (empty: it renders nothing).
    `handled` is the token of the last request by hand that was answered (`Unit.requested`) and
    `handled_operation` the id of the last operation that was taken up (`Unit.operation.id`). `checked_for` is how
    many seconds the health gate took; `health` the unit's own verdict, worst of its objects. `history` has the
    newest last. `pin`: somebody keeps the unit at an earlier deployment. `gated`: the unit waits for health, so
    that its status says how that ended.
    """

    phase: UnitPhase
    reason: Reason
    message: str = ""
    generation: int = 0
    sync: SyncState = SyncState.UNKNOWN
    health: Health | None = None
    current: str = ""
    attempted: str = ""
    applied: str = ""
    commit: Provenance | None = None
    stalled: bool = False
    retry_in: float | None = None
    recipe: str = ""
    gated: bool = False
    timeout: float = 0.0
    checked_for: float = 0.0
    objects: tuple[ObjectReport, ...] = ()
    inventory: Inventory = Inventory()
    images: tuple[str, ...] = ()
    operation: OperationReport | None = None
    history: tuple[HistoryEntry, ...] = ()
    held: Held | None = None
    pin: Pin | None = None
    handled: str = ""
    handled_operation: str = ""
    notices: tuple[Notice, ...] = ()
    compared: datetime | None = None
    revisions: tuple[str, ...] = ()
    currents: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()


class SourceReport(msgspec.Struct, frozen=True):
    """Everything a status shows of a source.

    `artifact` is the one that others can fetch, kept while a later fetch fails. `fault` and `message` say what failed,
    with `storing` where it was not the fetch but keeping the artifact; without a fault, `progress` says what is being
    done. `handled` is the token of the last request by hand that was answered. `verified` says whose signatures the
    revision bears.
    """

    generation: int = 0
    revision: str = ""
    artifact: Artifact | None = None
    commit: Provenance | None = None
    fault: Fault | None = None
    message: str = ""
    stalled: bool = False
    storing: bool = False
    progress: str = ""
    suspended: bool = False
    handled: str = ""
    notices: tuple[Notice, ...] = ()
    verified: str = ""


class StatusWrite(msgspec.Struct, frozen=True):
    """A status to be written, and what is to be removed from the object with it.

    `subresource`: it goes to the status subresource (which exists only where the installed definition has one);
    otherwise to the object itself. `manager` is the field manager for it.
    """

    status: dict[str, Any]
    manager: str
    subresource: bool = True
    drop_annotations: tuple[str, ...] = ()
    drop_fields: tuple[str, ...] = ()

    def patch(self, body: Body) -> dict[str, Any]:
        """Give the JSON merge patch that brings `body` there; empty when there is nothing to change."""
        patch: dict[str, Any] = {}
        status = merge_patch(body.get("status") or {}, self.status)
        if status:
            patch["status"] = status
        annotations = (body.get("metadata") or {}).get("annotations") or {}
        gone: dict[str, None] = {name: None for name in self.drop_annotations if name in annotations}
        if gone:
            patch["metadata"] = {"annotations": gone}
        patch.update({name: None for name in self.drop_fields if name in body})
        return patch


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Give the JSON merge patch (RFC 7396) from one object to another; empty when they are equal."""
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := merge_patch(old, value):
                patch[name] = inner
        elif name not in before or old != value:
            patch[name] = value
    return patch
