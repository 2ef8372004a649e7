"""The rules that forbid a write or a removal, each with its own code and words.

A guard looks at one object and what is known of it and gives a `Veto`, or nothing. A veto that `blocks` makes the sync
incomplete; one that `retries` is looked at again by itself, the others wait for a change by somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Desired, ObjectRef, PruneMode
from trueup.core.model.permissions import Permissions

MASS_PRUNE_LEAST = 20
"""Removing fewer objects than this is never a mass prune."""

MASS_PRUNE_SHARE = 0.8
"""Removing more than this share of all that a unit owns is one."""


class Veto(msgspec.Struct, frozen=True):
    """A step that was forbidden: the rule's code, the object, and why in words that say what to do next.

    `asks`: it is carried out when somebody approves.
    """

    code: str
    ref: ObjectRef
    message: str
    blocks: bool = False
    retries: bool = False
    asks: bool = False
    other: ObjectRef | None = None


class Claimed(Protocol):
    """Another unit's claim on the same object."""

    @property
    def unit(self) -> ObjectRef: ...
    @property
    def same(self) -> bool: ...
    @property
    def first(self) -> bool: ...


def apply_veto(item: Desired, seen: Live | Presence, claim: Claimed | None, *, fail_on_shared: bool) -> Veto | None:
    """Say why an object must not be written now."""
    if claim is not None and (fail_on_shared or (claim.first and not claim.same)):
        return Veto(
            "shared-refused" if fail_on_shared else "owned-by-other",
            item.ref,
            f"{item.ref} is already delivered by {claim.unit}; remove it from one of the two",
            blocks=True,
            other=claim.unit,
        )
    if isinstance(seen, Live) and seen.deleting:
        return Veto(
            "being-deleted",
            item.ref,
            f"{item.ref} is being deleted; it is made again when it is gone",
            blocks=True,
            retries=True,
        )
    return None


def permission_veto(ref: ObjectRef, permissions: Permissions | None, *, gone: bool) -> Veto | None:
    """Say why an object is none of this unit's affair: whoever owns the installation does not permit it.

    One that is `gone` from Git stays; one that is wanted keeps the whole sync from being carried out.
    """
    words = permissions.refusal(ref) if permissions is not None else ""
    if not words:
        return None
    if gone:
        return Veto("not-permitted", ref, f"{ref} stays: {words}")
    return Veto("not-permitted", ref, f"{ref}: {words}", blocks=True)


APPROVE = "approve it with `trueup approve`, or by the annotation trueup.dev/approved with the time of now"


def delete_veto(seen: Live, *, held: str, confirmed: bool) -> Veto | None:
    """Say why an object must stay although its unit is deleted."""
    if seen.delete is PruneMode.FORBID:
        return Veto("delete-forbidden", seen.ref, f"{seen.ref} stays: its annotations forbid to delete it")
    if seen.delete is PruneMode.CONFIRM and not confirmed:
        text = f"{seen.ref} is removed only when that is approved, as its annotation asks; {APPROVE}"
        return Veto("delete-confirm", seen.ref, text, asks=True)
    if held and not confirmed:
        return Veto("prune-holds-data", seen.ref, f"{seen.ref} stays, because it holds {held}")
    return None


def prune_veto(seen: Live, *, allowed: bool, held: str, confirmed: bool) -> Veto | None:
    """Say why an object that Git no longer has must stay."""
    if seen.prune is PruneMode.FORBID:
        return Veto("prune-forbidden", seen.ref, f"{seen.ref} stays: its annotations forbid pruning")
    if not allowed:
        return Veto("prune-off", seen.ref, f"{seen.ref} is no longer in Git and stays: pruning is off for this unit")
    if seen.prune is PruneMode.CONFIRM and not confirmed:
        text = f"{seen.ref} is no longer in Git; its annotation asks that its removal be approved: {APPROVE}"
        return Veto("prune-confirm", seen.ref, text, asks=True)
    if held and not confirmed:
        text = f"{seen.ref} is no longer in Git but holds {held}; {APPROVE}"
        return Veto("prune-holds-data", seen.ref, text, asks=True)
    return None


def mass_prune_veto(
    refs: Sequence[ObjectRef], *, owned: int, desired: int, allow_empty: bool, confirmed: bool
) -> Veto | None:
    """Say why so many objects must not be removed at once.

    A render of nothing removes nothing unless the unit allows to be empty. Otherwise removing most of a large unit
    wants a confirmation.
    """
    if not refs or confirmed or allow_empty:
        return None
    if desired == 0:
        return Veto(
            "prune-empty",
            refs[0],
            f"nothing was rendered where {owned} objects were; none of them is removed. "
            f"If they shall go, allow the unit to be empty, delete it, or {APPROVE}",
            blocks=True,
            asks=True,
        )
    if len(refs) >= MASS_PRUNE_LEAST and len(refs) > MASS_PRUNE_SHARE * owned:
        return Veto(
            "prune-mass",
            refs[0],
            f"{len(refs)} of {owned} objects are no longer in Git; if so many are to be removed, {APPROVE}",
            blocks=True,
            asks=True,
        )
    return None
