"""The rules that forbid a write or a removal, each with its own code and words.

A guard looks at one object and what is known of it and gives a `Veto`, or nothing. A veto that `blocks` makes the sync
incomplete; one that `retries` is looked at again by itself, the others wait for a change by somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from trueup.core.live import Live, Presence
from trueup.core.objects import Desired, ObjectRef, PruneMode

MASS_PRUNE_LEAST = 20
"""Removing fewer objects than this is never a mass prune."""

MASS_PRUNE_SHARE = 0.8
"""Removing more than this share of all that a unit owns is one."""


class Veto(msgspec.Struct, frozen=True):
    """A step that was forbidden: the rule's code, the object, and why in words that say what to do next."""

    code: str
    ref: ObjectRef
    message: str
    blocks: bool = False
    retries: bool = False
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
            "owned-by-other",
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


def prune_veto(seen: Live, *, allowed: bool, held: str, confirmed: bool) -> Veto | None:
    """Say why an object that Git no longer has must stay."""
    if seen.prune is PruneMode.FORBID:
        return Veto("prune-forbidden", seen.ref, f"{seen.ref} stays: its annotations forbid pruning")
    if not allowed:
        return Veto("prune-off", seen.ref, f"{seen.ref} is no longer in Git and stays: pruning is off for this unit")
    if seen.prune is PruneMode.CONFIRM and not confirmed:
        return Veto(
            "prune-confirm", seen.ref, f"{seen.ref} is no longer in Git; its annotation asks that pruning be confirmed"
        )
    if held and not confirmed:
        return Veto(
            "prune-holds-data", seen.ref, f"{seen.ref} is no longer in Git but holds {held}; confirm its pruning"
        )
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
            "Allow the unit to be empty, or delete the unit, if that is what you want",
            blocks=True,
        )
    if len(refs) >= MASS_PRUNE_LEAST and len(refs) > MASS_PRUNE_SHARE * owned:
        return Veto(
            "prune-mass",
            refs[0],
            f"{len(refs)} of {owned} objects are no longer in Git; confirm that so many are to be removed",
            blocks=True,
        )
    return None
