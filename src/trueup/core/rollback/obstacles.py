"""What cannot be taken back: rules on the plan of a return, asked before any of it is carried out.

A return that would do harm is not begun: each rule names the object, and says in words what a person can do. What a
return leaves out by itself (a Job that has run is never run again, what may hold data is never removed) is no obstacle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from trueup.core.health import HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Inventory, InventoryEntry, ObjectRef
from trueup.core.plan.guards import Veto
from trueup.core.plan.plan import Plan
from trueup.core.plan.tasks import Action, Step

JOB = ("batch", "Job")

HOLDS = {
    ("", "PersistentVolumeClaim"): "the data on it",
    ("", "PersistentVolume"): "the data on it",
    ("", "Namespace"): "all that was in it",
    ("apiextensions.k8s.io", "CustomResourceDefinition"): "every object of its kind",
}
"""Kinds that hold what no manifest brings back, and what that is."""

_ADVICE = "restore it and fix the change in Git, or go back all the same by hand with `trueup rollback`"


class Obstacle(msgspec.Struct, frozen=True):
    """One object for which the way back is closed: the rule's code, the object, and why in words for people.

    `passes`: it goes away by itself.
    """

    code: str
    ref: ObjectRef
    message: str
    passes: bool = False


class RollbackPlan(msgspec.Struct, frozen=True):
    """The plan of a return as it may be carried out. `skipped` are objects that it leaves as they are."""

    plan: Plan
    skipped: frozenset[ObjectRef] = frozenset()


def rollback_plan(plan: Plan) -> RollbackPlan:
    """Take out of a plan towards earlier inputs what must not be done again, and what must not be removed.

    Jobs that are there no more have run: making them again would run them again. What may hold data that came since is
    not removed while its inputs are held back; the unit keeps owning it.
    """
    skipped = {step.ref for step in plan.writes if _kind(step.ref) == JOB}
    staying = {step.ref: step for step in plan.prunes if _kind(step.ref) in HOLDS}
    owned = {entry.ref: entry for entry in plan.during.entries}
    kept = plan.keep.without(ref for ref in skipped if _created(plan, ref))
    vetoes = [
        Veto("kept-by-return", ref, f"{ref} stays although it came with what is held back: it may hold data")
        for ref in staying
    ]
    vetoes += [Veto("job-not-repeated", ref, f"{ref} is not run again by going back") for ref in sorted(skipped)]
    return RollbackPlan(
        msgspec.structs.replace(
            plan.only(lambda step: step.ref not in skipped and step.ref not in staying),
            keep=kept.union(owned[ref] for ref in staying if ref in owned),
            vetoes=(*plan.vetoes, *vetoes),
        ),
        frozenset(skipped),
    )


def obstacles(
    plan: Plan, inventory: Inventory, live: Callable[[ObjectRef], Live | Presence], *, past_jobs: bool
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a return; `plan` leads to the last good inputs, `inventory` is what there is now.

    `past_jobs`: Jobs that have run to their end with the bad inputs are no obstacle.
    """
    found = [*_removed(plan), *_being_removed(plan), *_running(inventory, live)]
    if not past_jobs:
        found.extend(_ran(inventory, live))
    return tuple(found)


def refusal(ref: ObjectRef, message: str) -> Obstacle:
    """Make an obstacle of what the API server said when the return was tried out."""
    return Obstacle("refused", ref, f"{ref} cannot be brought back to what it was ({message}); {_ADVICE}")


def guarded(step: Step) -> bool:
    """Say whether an object must not be deleted and made anew by a return, whatever the unit's sync policy allows."""
    return _kind(step.ref) in HOLDS or _kind(step.ref) == ("apps", "StatefulSet")


def _removed(plan: Plan) -> Iterable[Obstacle]:
    for step in plan.steps:
        if step.action is Action.CREATE and (lost := HOLDS.get(_kind(step.ref))):
            text = f"{step.ref} was removed, and {lost} with it; a return would make an empty one"
            yield Obstacle("removed", step.ref, f"{text}: {_ADVICE}")


def _being_removed(plan: Plan) -> Iterable[Obstacle]:
    for veto in plan.vetoes:
        if veto.code == "being-deleted" and (lost := HOLDS.get(_kind(veto.ref))):
            yield Obstacle("being-removed", veto.ref, f"{veto.ref} is being removed, and {lost} with it; {_ADVICE}")


def _running(inventory: Inventory, live: Callable[[ObjectRef], Live | Presence]) -> Iterable[Obstacle]:
    for entry in inventory.entries:
        seen = live(entry.ref) if (entry.group, entry.kind) == JOB and entry.digest != entry.good else None
        if isinstance(seen, Live) and seen.health.status is HealthStatus.PROGRESSING and not seen.deleting:
            text = f"{entry.ref} of this change is still running; it is waited for until it has ended"
            yield Obstacle("running", entry.ref, text, passes=True)


def _ran(inventory: Inventory, live: Callable[[ObjectRef], Live | Presence]) -> Iterable[Obstacle]:
    for entry in inventory.entries:
        if (entry.group, entry.kind) == JOB and entry.digest != entry.good and _done(entry, live(entry.ref)):
            text = (
                f"{entry.ref} has run to its end, and what it did is not undone by going back. Fix the change in Git, "
                "or go back all the same by hand with `trueup rollback`; where that never matters, annotate the unit "
                "with trueup.dev/rollback-past-jobs: 'true'"
            )
            yield Obstacle("job-ran", entry.ref, text)


def _done(entry: InventoryEntry, seen: Live | Presence) -> bool:
    """Say whether a Job has succeeded; one that was written and is there no more has been cleared away after it had."""
    if isinstance(seen, Live):
        return seen.health.status is HealthStatus.HEALTHY
    return seen is Presence.ABSENT and bool(entry.managed_digest)


def _created(plan: Plan, ref: ObjectRef) -> bool:
    return any(step.ref == ref and step.action is Action.CREATE for step in plan.writes)


def _kind(ref: ObjectRef) -> tuple[str, str]:
    return ref.group, ref.kind
