"""The values that name and carry Kubernetes objects through the engine.

`ObjectRef` is an object's identity across API versions; `Desired` is one object as a unit wants it, with the neutral
options that a dialect read from its annotations; `Inventory` is what a unit has applied and therefore owns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, NewType

import msgspec

from trueup.core.model.recipe import Origin

Body = dict[str, Any]
"""An object as JSON decodes it. By convention never changed in place once it is in a frozen value."""


class ObjectRef(NamedTuple):
    """Identity of an object: API group, kind, namespace (empty for cluster-scoped) and name; no version."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> ObjectRef:
        """Give the identity of a decoded object; absent parts become empty strings."""
        metadata = body.get("metadata") or {}
        group, _ = split_api_version(str(body.get("apiVersion") or ""))
        return cls(
            group, str(body.get("kind") or ""), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
        )

    def __str__(self) -> str:
        """Show as people and Flux write it: `Kind/namespace/name`, without the namespace when there is none."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


ClusterRef = NewType("ClusterRef", str)
"""Identity of a cluster: its name, as whoever declares it gives it."""

LOCAL = ClusterRef("in-cluster")
"""The cluster that holds users' objects and Trueup's own records, by the name that Argo CD gives it."""


class ClusterObject(NamedTuple):
    """Identity of a live object among all clusters."""

    cluster: ClusterRef
    ref: ObjectRef


def split_api_version(api_version: str) -> tuple[str, str]:
    """Split `group/version` into its parts; the core group is the empty string."""
    group, slash, version = api_version.rpartition("/")
    return (group, version) if slash else ("", api_version)


def join_api_version(group: str, version: str) -> str:
    """Join group and version to an `apiVersion`."""
    return f"{group}/{version}" if group else version


class Phase(StrEnum):
    """When in a sync an object is handled, in Argo CD's order."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"


class ApplyMode(StrEnum):
    """How an object is written: taken whole, only completed, only created, or left alone."""

    OVERRIDE = "override"
    MERGE = "merge"
    CREATE_ONLY = "create-only"
    IGNORE = "ignore"
    REPLACE = "replace"


class PruneMode(StrEnum):
    """What happens to an object that Git no longer has."""

    ALLOW = "allow"
    FORBID = "forbid"
    CONFIRM = "confirm"


class ObjectOptions(msgspec.Struct, frozen=True):
    """What a dialect read from one object's annotations, in neutral words."""

    wave: int = 0
    phase: Phase = Phase.SYNC
    hook: bool = False
    apply: ApplyMode = ApplyMode.OVERRIDE
    prune: PruneMode = PruneMode.ALLOW
    force: bool = False
    validate: bool = True
    skip_dry_run_on_missing_kind: bool = False
    ignore_health: bool = False
    ignore_extraneous: bool = False


DEFAULT_OPTIONS = ObjectOptions()


class LiveOptions(msgspec.Struct, frozen=True):
    """What a live object asks for, whatever Git says of it: may it be pruned, may it go when its unit is deleted, in
    which wave, and is it to be left alone."""

    prune: PruneMode = PruneMode.ALLOW
    delete: PruneMode = PruneMode.ALLOW
    wave: int = 0
    left_alone: bool = False


class Desired(msgspec.Struct, frozen=True):
    """One object as the unit wants it.

    `raw` is its JSON, the very bytes to send; it is kept encoded because a controller holds many thousands of objects
    that nobody looks into. `digest` names these bytes; `content` is the digest without the marks that name the owner,
    so that two units that want the same can share it. `ends`: it goes by itself when its work is done.
    """

    ref: ObjectRef
    version: str
    raw: bytes
    digest: str
    content: str
    options: ObjectOptions = DEFAULT_OPTIONS
    origin: Origin | None = None
    ends: bool = False

    @classmethod
    def of(
        cls,
        body: Body,
        options: ObjectOptions = DEFAULT_OPTIONS,
        origin: Origin | None = None,
        content: str = "",
    ) -> Desired:
        """Make a desired object of a decoded body; `content` is its digest before marks, its own where not given."""
        _, version = split_api_version(str(body.get("apiVersion") or ""))
        raw = canonical_json(body)
        digest = digest_bytes(raw)
        ref = ObjectRef.of(body)
        return cls(ref, version, raw, digest, content or digest, options, origin, _ends(ref, body))

    def body(self) -> Body:
        """Decode the object."""
        decoded: Body = msgspec.json.decode(self.raw)
        return decoded


def _ends(ref: ObjectRef, body: Body) -> bool:
    """Say whether an object is removed by its own controller some time after its work is done."""
    spec = body.get("spec")
    return ref[:2] == ("batch", "Job") and isinstance(spec, dict) and spec.get("ttlSecondsAfterFinished") is not None


CREATED = "created"
"""The seal of an object that is only made: whatever becomes of it afterwards is right."""

SHARED = "shared"
"""The seal of an object that another unit, which came first, has written with the very same content."""


class InventoryEntry(msgspec.Struct, frozen=True, array_like=True):
    """One object that a unit owns.

    `version` is the API version it was applied with and `digest` the digest of what was applied. `managed_digest` is
    the digest of what the API server then kept under the unit's field manager: while a live object has it, nobody has
    changed a field of ours. `good` is the digest it had when the unit was last good, and `content` that of what was
    applied without the marks that name the owner: of what another unit may share.
    """

    group: str
    kind: str
    namespace: str
    name: str
    version: str
    digest: str = ""
    managed_digest: str = ""
    good: str = ""
    content: str = ""

    @property
    def written(self) -> bool:
        """Whether this unit has ever written the object; what upstream's status names was written by others."""
        return bool(self.digest)

    @property
    def taken(self) -> bool:
        """Whether the object has been this unit's: an entry that is only about to be applied is recorded before."""
        return bool(self.managed_digest or self.good)

    @property
    def ref(self) -> ObjectRef:
        """The object's identity."""
        return ObjectRef(self.group, self.kind, self.namespace, self.name)

    @classmethod
    def of(cls, desired: Desired) -> InventoryEntry:
        """The entry that records that this desired object was (or is about to be) applied."""
        managed_digest = CREATED if desired.options.apply is ApplyMode.CREATE_ONLY else ""
        return cls(*desired.ref, desired.version, desired.digest, managed_digest, content=desired.content)

    @property
    def shared(self) -> bool:
        """Whether the object is left to another unit that wants the same: it is not this unit's to give away."""
        return self.managed_digest == SHARED

    def fits(self, managed_digest: str) -> bool:
        """Say whether a live object with this seal is as it was left.

        A seal names the fields that are owned and, after a dot, the values that stand there. These are left out where
        the object was read in another version than it was applied in: then the fields decide alone, since whoever
        changes a value takes its field.
        """
        if self.managed_digest == CREATED or not self.managed_digest:
            return self.managed_digest == CREATED
        fields, _, values = self.managed_digest.partition(".")
        live_fields, _, live_values = managed_digest.partition(".")
        return fields == live_fields and (values == live_values or not values or not live_values)


def ended(item: Desired, entry: InventoryEntry | None) -> bool:
    """Say whether an object that is not there was there as it is wanted, and has gone by itself."""
    return item.ends and entry is not None and entry.digest == item.digest and bool(entry.managed_digest)


class Inventory(msgspec.Struct, frozen=True):
    """All objects a unit owns, ordered by identity so that equal sets are equal values."""

    entries: tuple[InventoryEntry, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[InventoryEntry]) -> Inventory:
        """Make an inventory; the last entry of an identity wins."""
        unique = {entry.ref: entry for entry in entries}
        return cls(tuple(unique[ref] for ref in sorted(unique)))

    @property
    def held(self) -> frozenset[ObjectRef]:
        """The objects that this unit has written, without those that it leaves to another one which wants the same."""
        return frozenset(entry.ref for entry in self.entries if entry.managed_digest and not entry.shared)

    def union(self, entries: Iterable[InventoryEntry]) -> Inventory:
        """Give an inventory with these entries added or replaced."""
        return Inventory.of((*self.entries, *entries))

    def without(self, refs: Iterable[ObjectRef]) -> Inventory:
        """Give an inventory without these identities."""
        gone = set(refs)
        return Inventory(tuple(entry for entry in self.entries if entry.ref not in gone))

    @property
    def refs(self) -> frozenset[ObjectRef]:
        """The identities of all entries."""
        return frozenset(entry.ref for entry in self.entries)


_ENCODER = msgspec.json.Encoder(order="deterministic")


def canonical_json(value: object) -> bytes:
    """Encode a JSON value so that equal values give equal bytes (keys sorted)."""
    return _ENCODER.encode(value)


def digest_bytes(raw: bytes) -> str:
    """Give a short, stable digest (128 bits, hex) of bytes."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def digest_of(value: object) -> str:
    """Give a short, stable digest (128 bits, hex) of a JSON value."""
    return digest_bytes(canonical_json(value))
