"""What is kept of a live object: identity, who owns which of its fields by digest, its health, and a few marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from trueup.core.fields.ownership import APPLY, NO_OWNERSHIP, FieldsError, ManagedEntry, Ownership
from trueup.core.health import Health, HealthStatus
from trueup.core.model.objects import Body, ObjectRef, split_api_version
from trueup.kube.resource import OwnerReference, PartialObject, version_number
from trueup.kube.writes import KUBECTL, ROLLOUT

Assess: TypeAlias = Callable[[Body], Health]
Marks: TypeAlias = Callable[[Body], Mapping[str, str]]
Extract: TypeAlias = Callable[[Body], Any]


class Reduction(msgspec.Struct, frozen=True):
    """What is kept of objects: how health is judged, which labels and annotations stay, and what else, by kind."""

    assess: Assess
    marks: Marks
    extracts: Mapping[tuple[str, str], Extract] = {}


class Record(msgspec.Struct, frozen=True):
    """One live object, reduced.

    `resource_version` is a number, comparable within the kind. `owned` has what each server-side apply manager owns.
    `marks` are those labels and annotations that the cache was told to keep; `extra` is what the kind's `extract` gave.
    `by_hand`: kubectl has set fields of it.
    """

    ref: ObjectRef
    version: str
    uid: str
    resource_version: int
    generation: int
    owned: tuple[tuple[str, Ownership], ...]
    health: Health
    owners: tuple[OwnerReference, ...] = ()
    deleting: bool = False
    marks: Mapping[str, str] = {}
    extra: Any = None
    by_hand: bool = False

    def ownership(self, manager: str) -> Ownership:
        """What a manager owns by server-side apply; `NO_OWNERSHIP` where that is nothing."""
        for name, owned in self.owned:
            if name == manager:
                return owned
        return NO_OWNERSHIP

    def managed_digest(self, manager: str) -> str:
        """Name what a manager owns and what stands there, in one string; empty where it owns nothing."""
        owned = self.ownership(manager)
        return f"{owned.entry}.{owned.values}" if owned.entry else ""

    def same(self, other: Record) -> bool:
        """Say whether the two tell the same, whatever the resourceVersion and generation."""
        return (
            self.owned == other.owned
            and self.health == other.health
            and self.uid == other.uid
            and self.deleting == other.deleting
            and self.marks == other.marks
            and self.owners == other.owners
            and self.extra == other.extra
            and self.by_hand == other.by_hand
            and self.version == other.version
        )


def reduce_object(
    ref: ObjectRef, body: Body, partial: PartialObject, watched_version: str, reduction: Reduction
) -> Record:
    """Reduce an object to its record.

    `body` and `partial` are two readings of the same bytes. `watched_version` is the version that the kind is watched
    in: values of an entry that was applied in another version are not compared, because its paths are not this body's.
    """
    meta = partial.metadata
    extract = reduction.extracts.get((ref.group, ref.kind))
    _, version = split_api_version(partial.api_version)
    return Record(
        ref=ref,
        version=version,
        uid=meta.uid,
        resource_version=version_number(meta.resource_version),
        generation=meta.generation,
        owned=_owned(body, meta.managed_fields or (), version == watched_version),
        health=_judge(reduction.assess, body),
        owners=meta.owner_references or (),
        deleting=meta.deletion_timestamp is not None,
        marks=reduction.marks(body),
        extra=extract(body) if extract is not None else None,
        by_hand=_by_hand(meta.managed_fields or ()),
    )


def _by_hand(entries: tuple[ManagedEntry, ...]) -> bool:
    """Say whether kubectl has set fields of an object: not by a subresource such as `scale`, nor by restarting it.

    What it set in another API version than the one that is applied cannot be taken from it, and does not count.
    """
    main = [entry for entry in entries if entry.subresource == "" and entry.manager != ROLLOUT]
    edited = {entry.api_version for entry in main if entry.manager.startswith(KUBECTL)}
    applied = {
        entry.api_version for entry in main if entry.operation == APPLY and not entry.manager.startswith(KUBECTL)
    }
    return bool(edited & applied)


def _judge(assess: Assess, body: Body) -> Health:
    try:
        return assess(body)
    except Exception as error:
        # One odd object must not keep a whole kind from being known.
        return Health(HealthStatus.UNKNOWN, f"its health cannot be judged: {type(error).__name__}: {error}")


def _owned(body: Body, entries: tuple[ManagedEntry, ...], comparable: bool) -> tuple[tuple[str, Ownership], ...]:
    found: list[tuple[str, Ownership]] = []
    main = [entry for entry in entries if entry.subresource == ""]
    for entry in main:
        if entry.operation != APPLY:
            continue
        try:
            fields = entry.fields
            values = ""
            if comparable and entry.api_version == body.get("apiVersion"):
                values = fields.values_digest(body, [each.fields for each in main if each is not entry])
            found.append((entry.manager, Ownership(fields.digest, values)))
        except FieldsError:
            # Unreadable is not unowned: it equals no seal, so that the object is applied again.
            found.append((entry.manager, Ownership("unreadable")))
    return tuple(found)
