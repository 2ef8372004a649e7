"""What Trueup remembers of a unit beside the user's object: the content of a `UnitState`.

The inventory, the inputs that were last good, inputs held back, and an attempt under way. It is written by
compare-and-swap before a sync's first write, so that a crash orphans nothing (`UnitState` of `trueup.dev/v1alpha1`).
Times are RFC 3339 strings in UTC, because they are stored and shown, never computed with.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trueup.core.model.objects import Inventory, ObjectRef
from trueup.core.model.recipe import Recipe

STATE_GROUP = "trueup.dev"
STATE_VERSION = "v1alpha1"
STATE_KIND = "UnitState"
STATE_PLURAL = "unitstates"


class SourceInputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a delivery took from one source beside the first: its revision and tree, and how they were read."""

    source: ObjectRef
    revision: str
    tree: str = ""
    name: str = ""
    recipe: Recipe | None = None


class Inputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a delivery is a function of, by content.

    `digest` covers the unit's spec, all files that rendering looked at, and the values it referenced: equal digests
    give equal objects. `revision` and `tree` say where the files came from, `recipe` and `spec` how they were read and
    `values` (a digest) what else was put in, so that the same inputs are known again and can be rendered again.
    `objects` is the digest of what they rendered to. `others` are the same of the unit's further sources, which refer
    to the first by `name`.
    """

    digest: str
    revision: str = ""
    tree: str = ""
    spec: str = ""
    values: str = ""
    objects: str = ""
    recipe: Recipe | None = None
    others: tuple[SourceInputs, ...] = ()
    name: str = ""

    @property
    def trees(self) -> tuple[str, ...]:
        """The trees of all sources; empty texts where they cannot vouch for what was rendered."""
        return (self.tree, *(other.tree for other in self.others))

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions of all sources."""
        return (self.revision, *(other.revision for other in self.others))

    @property
    def words(self) -> str:
        """Name the revisions of all sources, each once."""
        return ", ".join(dict.fromkeys(self.revisions))

    def same_source(self, trees: tuple[str, ...], spec: str, values: str) -> bool:
        """Say whether trees, a spec and values are those of these inputs, so that nothing need be rendered."""
        return all(trees) and (self.trees, self.spec, self.values) == (trees, spec, values)


class RevertProposal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A revert that is, or shall be, proposed to people: once for the bad revision, which a restart does not forget.

    `inputs` are the bad ones by digest, `revision` brought them, `good` is where the unit stood before, both of
    `source` (empty: the unit's first). `failed` says what failed, `paths` what of the repository the unit reads
    (empty: all of it). `made` is what was made of it, a URL or a branch; `refused` why nothing will be.
    """

    inputs: str
    revision: str
    good: str
    failed: str = ""
    paths: tuple[str, ...] = ()
    made: str = ""
    refused: str = ""
    source: ObjectRef | None = None

    @property
    def pending(self) -> bool:
        """Whether it is still to be made."""
        return not self.made and not self.refused

    @property
    def words(self) -> str:
        """Say how it stands."""
        if self.made:
            return f"its revert is proposed: {self.made}"
        return f"its revert could not be proposed: {self.refused}" if self.refused else "its revert is being proposed"


class GoodRevision(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inputs that were good: `id` and `sync` name the deployment that first brought them, at `since` from `first`.

    `first` is a revision; that of `inputs` is the last one under which they stood, since most commits change nothing
    of a unit.
    """

    id: int
    inputs: Inputs
    first: str = ""
    since: str = ""
    sync: str = ""


class HookOutcome(StrEnum):
    """How a hook of a sync stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class HookResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hook that an attempt has begun to run: which object, in which phase, how it stands, and in words.

    What has ended stays ended, whatever becomes of the hook's object: it is neither run again nor waited for.
    """

    ref: ObjectRef
    phase: str
    outcome: HookOutcome = HookOutcome.RUNNING
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.outcome is not HookOutcome.RUNNING


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sync under way: recorded before its first write, removed with its verdict.

    `unhealthy` are objects that were in trouble before it began, with the words for it: no doing of this sync. `hooks`
    are those that it has begun to run, with how they ended. `revisions` are those of all sources, where several.
    """

    id: str
    inputs: str
    revision: str
    started_at: str
    holder: str = ""
    operation: str = ""
    cause: str = ""
    initiator: str = ""
    unhealthy: tuple[tuple[ObjectRef, str], ...] = ()
    hooks: tuple[HookResult, ...] = ()
    revisions: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inputs that made the unit sick and are not tried again until one of them changes. `sync` is the sync's id.

    `objects`, `values` and `spec` know them again where only their name has changed: a newer renderer, or a comment in
    a file, makes no other deployment of them. `because` is another unit whose sickness took this one back as well.
    `stopped` says why the return did not succeed either; nothing more is tried then. `revisions` and
    `returned_revisions` are those of all sources where these are several.
    """

    inputs: str
    revision: str
    reason: str
    since: str
    returned_to: str = ""
    sync: str = ""
    objects: str = ""
    values: str = ""
    spec: str = ""
    because: ObjectRef | None = None
    stopped: str = ""
    revisions: tuple[str, ...] = ()
    returned_revisions: tuple[str, ...] = ()

    def holds(self, inputs: Inputs, spec: str) -> bool:
        """Say whether these inputs are held back; `spec` is the digest of the unit's own spec."""
        if inputs.digest == self.inputs:
            return True
        same = (inputs.objects, inputs.values, spec) == (self.objects, self.values, self.spec)
        return bool(self.objects) and same

    @property
    def words(self) -> str:
        """Say why, and what became of the return."""
        return f"{self.reason}; {self.stopped}" if self.stopped else self.reason


class RollbackSkipped(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inputs that made the unit sick and were left in place all the same, and why."""

    inputs: str
    reason: str
    since: str


class Pin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody's wish that the unit stays at the inputs of an earlier deployment, whatever Git says meanwhile."""

    inputs: Inputs
    id: int
    since: str
    by: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        """Say it to people."""
        by = f" by {self.by}" if self.by else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"pinned to {self.inputs.words}{by}{why} since {self.since}; `trueup unpin` releases it"


class HistoryEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the short history that the user's object shows. `sync` is the id of its deployment record.

    `revisions` are those of all sources where these are several.
    """

    id: int
    revision: str
    started_at: str
    finished_at: str
    outcome: str
    digest: str = ""
    count: int = 1
    initiator: str = ""
    sync: str = ""
    revisions: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody is asked to approve: the removals that these inputs bring (`deletion`: those of the whole unit;
    `leaving`: that it goes before other units have taken over its objects), and since when.

    An approval from before does not count.
    """

    inputs: str
    since: str


DELETION = "deletion"
LEAVING = "leaving"


class UnitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is remembered of one unit.

    `good` are the inputs of the last sync that ended well, `applied` those of the last that was carried out, whatever
    its verdict; `good_revisions` are all that were good lately, the newest last. `failures` counts consecutive failures
    of the same inputs. `taken_over`: another controller had delivered the unit before this one first did.
    `asked` is the token of the last request to pin or release it that was answered. `cluster` is where the inventory
    lives, by name.
    """

    inventory: Inventory = Inventory()
    good: Inputs | None = None
    applied: Inputs | None = None
    held: Held | None = None
    rollback_skipped: RollbackSkipped | None = msgspec.field(name="stayed", default=None)
    proposals: tuple[RevertProposal, ...] = msgspec.field(name="offers", default=())
    good_revisions: tuple[GoodRevision, ...] = msgspec.field(name="past", default=())
    attempt: Attempt | None = None
    failures: int = 0
    failed_inputs: str = ""
    operation: str = ""
    requested: str = ""
    history: tuple[HistoryEntry, ...] = ()
    next_id: int = 0
    taken_over: bool = False
    pin: Pin | None = None
    asked: str = ""
    question: Question | None = None
    cluster: str = ""


EMPTY_STATE = UnitState()


def state_name(unit: ObjectRef) -> str:
    """Name the `UnitState` of a unit: its kind, lower case, a dot, and its name (at most 253 characters)."""
    return f"{unit.kind.lower()}.{unit.name}"[:253]
