"""The plan of a sync: what is to be done to bring a target true, decided before any of it is done.

`make_plan` compares desired objects, live ones and the inventory. It performs nothing and asks nobody; every front
end can show the same plan. The rules that forbid a step stand in `guards`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import CREATED, SHARED, ApplyMode, Desired, Inventory, InventoryEntry, ObjectRef, ended
from trueup.core.model.permissions import Permissions
from trueup.core.model.unit import SyncPolicy
from trueup.core.plan.guards import Veto, apply_veto, delete_veto, mass_prune_veto, permission_veto, prune_veto
from trueup.core.plan.tasks import (
    Action,
    ApplyTask,
    PruneTask,
    Step,
    Task,
    ordered,
    selected,
)
from trueup.core.plan.waves import Place, grouped, place_of, rank_of

Lookup: TypeAlias = Callable[[ObjectRef], Live | Presence]


class Claim(msgspec.Struct, frozen=True):
    """Another unit's claim on an object: `same` when it wants the very same content, `first` when it came before.

    `owned`: it, or yet another one that wants the object, has written it.
    """

    unit: ObjectRef
    same: bool
    first: bool
    owned: bool = True


class PlanInput(msgspec.Struct, frozen=True):
    """All that a plan is made of. `selected` limits it to some objects (a partial sync prunes nothing else).

    `claims` gives the other units that want an object. `holding` says, for namespaces, definitions and volume claims
    about to be pruned, what of others they hold. `confirmed` holds what a user has approved for pruning. `deleting`:
    the unit itself goes, and everything it owns with it. `hooks` are those that this sync is to run, and `ended` those
    of them that have ended already: they are neither run again nor waited for. What `permissions` do not allow is
    neither written nor removed. `marked`: the unit sets marks on its objects, so that one without them is not removed.
    """

    unit: ObjectRef
    desired: Sequence[Desired]
    inventory: Inventory
    policy: SyncPolicy
    claims: dict[ObjectRef, Claim] = {}
    holding: dict[ObjectRef, str] = {}
    confirmed: bool = False
    selected: frozenset[ObjectRef] | None = None
    deleting: bool = False
    prune: bool = False
    hooks: Sequence[Desired] = ()
    ended: frozenset[ObjectRef] = frozenset()
    permissions: Permissions | None = None
    marked: bool = False


class Plan(msgspec.Struct, frozen=True):
    """Ordered tasks: what is written, run and waited for, then what is removed. `released` leaves the inventory.

    `unchanged` need nothing; `vetoes` name steps that a guard forbade. `keep` is the inventory that stays when all is
    carried out; `during` the one to record before the first write: old ∪ new. `given` are objects that another unit is
    about to take over.
    """

    unit: ObjectRef
    tasks: tuple[Task, ...] = ()
    released: tuple[ObjectRef, ...] = ()
    unchanged: tuple[ObjectRef, ...] = ()
    unknown: tuple[ObjectRef, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    during: Inventory = Inventory()
    keep: Inventory = Inventory()
    given: tuple[ObjectRef, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write, run or remove."""
        return not self.tasks

    @property
    def steps(self) -> tuple[Step, ...]:
        """All writes and removals, in order."""
        return tuple(step for task in self.tasks if isinstance(task, ApplyTask | PruneTask) for step in task.steps)

    @property
    def writes(self) -> tuple[Step, ...]:
        """The steps that write, in order."""
        return tuple(step for task in self.tasks if isinstance(task, ApplyTask) for step in task.steps)

    @property
    def prunes(self) -> tuple[Step, ...]:
        """The steps that remove, in order."""
        return tuple(step for task in self.tasks if isinstance(task, PruneTask) for step in task.steps)

    def only(self, keep: Callable[[Step], bool]) -> Plan:
        """Give the plan with those of its steps only. What happens to the others' inventory is the caller's affair."""
        return msgspec.structs.replace(self, tasks=selected(self.tasks, keep))

    @property
    def blocking(self) -> tuple[Veto, ...]:
        """Vetoes that make the sync incomplete, in contrast to those that merely keep an object."""
        return tuple(veto for veto in self.vetoes if veto.blocks)


def make_plan(given: PlanInput, live: Lookup) -> Plan:
    """Decide what to do. Never prunes what is unknown; a unit that renders nothing is judged by its guards."""
    owned = {entry.ref: entry for entry in given.inventory.entries}
    wanted = {item.ref: item for item in given.desired}
    vetoes: list[Veto] = []
    unchanged: list[ObjectRef] = []
    unknown: list[ObjectRef] = []
    writes: list[tuple[Place, Step]] = []
    kept: list[InventoryEntry] = []
    released: list[ObjectRef] = []

    for item in wanted.values():
        entry = owned.get(item.ref)
        if given.selected is not None and item.ref not in given.selected:
            if entry is not None:
                kept.append(entry)
            continue
        refused = permission_veto(item.ref, given.permissions, gone=False)
        if refused is not None:
            vetoes.append(refused)
            if entry is not None:
                kept.append(entry)
            continue
        if item.options.apply is ApplyMode.IGNORE:
            (released if entry is not None else unchanged).append(item.ref)
            continue
        seen = live(item.ref)
        veto = apply_veto(item, seen, given.claims.get(item.ref), fail_on_shared=given.policy.fail_on_shared)
        if veto is not None:
            vetoes.append(veto)
            if entry is not None:
                kept.append(entry)
            continue
        if isinstance(seen, Live) and seen.left_alone and item.options.apply is not ApplyMode.CREATE_ONLY:
            text = f"{item.ref} is left alone, as its labels or annotations in the cluster ask"
            vetoes.append(Veto("left-alone", item.ref, text))
            if entry is not None:
                kept.append(entry)
            unchanged.append(item.ref)
            continue
        if left_to_first(given.claims.get(item.ref), seen):
            # Two units that want the very same do not fight over whose labels it bears.
            unchanged.append(item.ref)
            kept.append(msgspec.structs.replace(_entry(item, entry), managed_digest=SHARED))
            continue
        action = _action_for(item, entry, seen)
        if action is None and _edited(item, seen, given.policy):
            action = Action.HEAL
        if action is None:
            (unknown if seen is Presence.UNKNOWN else unchanged).append(item.ref)
            if entry is not None or seen is not Presence.UNKNOWN:
                only_made = item.options.apply is ApplyMode.CREATE_ONLY
                kept.append(entry if entry is not None and not only_made else _entry(item, entry))
            continue
        kept.append(_entry(item, entry))
        known = seen if isinstance(seen, Live) else None
        undoes = action is not Action.CHANGE and entry is not None and entry.digest == item.digest
        undoes = undoes and bool(entry and entry.managed_digest and not entry.shared)
        writes.append((place_of(item), Step(action, item.ref, item.version, item, known, undoes)))

    gone = [entry for entry in given.inventory.entries if entry.ref not in wanted]
    pruned, left, retained, handed, prune_vetoes = _prunes(given, gone, live)
    released.extend(left)
    vetoes.extend(prune_vetoes)
    kept.extend(retained)
    return Plan(
        unit=given.unit,
        tasks=(
            *ordered(
                writes,
                tuple(wanted.values()),
                [hook for hook in given.hooks if hook.ref not in given.ended],
                waits=given.policy.wave_wait,
            ),
            *(PruneTask(place, steps) for place, steps in grouped(pruned, reverse=True)),
        ),
        released=tuple(released),
        unchanged=tuple(unchanged),
        unknown=tuple(unknown),
        vetoes=tuple(vetoes),
        during=given.inventory.union(kept),
        keep=Inventory.of(kept),
        given=tuple(handed),
    )


def _entry(item: Desired, before: InventoryEntry | None) -> InventoryEntry:
    """Give the entry of an object about to be written, which remembers the content that was good before.

    Where the very same was written before, it also remembers how that was left: a write that is put off is still one
    that undoes what somebody did since.
    """
    entry = InventoryEntry.of(item)
    if before is None:
        return entry
    left = before.managed_digest if before.digest == entry.digest and not before.shared else ""
    return msgspec.structs.replace(entry, good=before.good, managed_digest=entry.managed_digest or left)


def _action_for(item: Desired, entry: InventoryEntry | None, seen: Live | Presence) -> Action | None:
    """Say what a desired object needs; `None`: nothing, or nothing that can be known."""
    same = entry is not None and entry.digest == item.digest
    if seen is Presence.UNKNOWN:
        # What was applied before and cannot be seen now is not "missing"; what is new may be written blindly, since
        # a server-side apply of it is right whether it exists or not. Only what must not be changed where it exists
        # waits until that is known.
        return None if same or item.options.apply is ApplyMode.CREATE_ONLY else Action.CHANGE
    if seen is Presence.ABSENT:
        return None if ended(item, entry) else Action.CREATE
    if item.options.apply is ApplyMode.CREATE_ONLY:
        return None
    if not same or entry is None:
        return Action.CHANGE
    return None if entry.fits(seen.managed_digest) and entry.managed_digest != CREATED else Action.HEAL


def left_to_first(claim: Claim | None, seen: Live | Presence) -> bool:
    """Say whether an object is there as another unit, which came first and wants the same, has written it."""
    return claim is not None and claim.same and claim.first and isinstance(seen, Live) and seen.owner == claim.unit


def _edited(item: Desired, seen: Live | Presence, policy: SyncPolicy) -> bool:
    """Say whether somebody has added to an object by kubectl, where that is undone."""
    override = item.options.apply is ApplyMode.OVERRIDE
    return policy.undo_kubectl and override and isinstance(seen, Live) and seen.by_hand


def _prunes(
    given: PlanInput, gone: Iterable[InventoryEntry], live: Lookup
) -> tuple[list[tuple[Place, Step]], list[ObjectRef], list[InventoryEntry], list[ObjectRef], list[Veto]]:
    """Sort what Git no longer has into: remove, release to another owner, keep; with the reasons for keeping.

    What is kept until another unit has taken it over is given too.
    """
    steps: list[tuple[Place, Step]] = []
    released: list[ObjectRef] = []
    retained: list[InventoryEntry] = []
    handed: list[ObjectRef] = []
    vetoes: list[Veto] = []
    candidates: list[tuple[InventoryEntry, Live]] = []
    for entry in gone:
        ref = entry.ref
        if given.selected is not None and ref not in given.selected:
            retained.append(entry)
            continue
        seen = live(ref)
        claim = given.claims.get(ref)
        refused = permission_veto(ref, given.permissions, gone=True)
        if refused is not None and claim is None and isinstance(seen, Live) and seen.owner == given.unit:
            retained.append(entry)
            vetoes.append(refused)
        elif _is_given(claim, seen, given.unit):
            # Git has given it to another unit, which has not taken it yet: until then somebody has to know of it.
            retained.append(entry)
            handed.append(ref)
        elif claim is not None or seen is Presence.ABSENT or _belongs_elsewhere(seen, given.unit):
            released.append(ref)
        elif isinstance(seen, Live) and seen.owner != given.unit and (given.marked or not entry.taken):
            if not entry.taken:
                # It has never been this unit's: taking it over was refused, or the entry comes from where people can
                # write. Nothing is said of it either, because that would tell whether it is there.
                released.append(ref)
                continue
            retained.append(entry)
            text = f"{ref} stays: somebody has taken this unit's mark off it; remove it by hand"
            vetoes.append(Veto("not-marked", ref, text))
        elif isinstance(seen, Live) and seen.deleting and not given.deleting:
            # It goes already: there is nothing left to ask for.
            released.append(ref)
        elif seen is Presence.UNKNOWN:
            retained.append(entry)
            vetoes.append(Veto("unknown", ref, f"{ref} is not removed while the cluster cannot be read", blocks=True))
        elif isinstance(seen, Live):
            held = given.holding.get(ref, "")
            if given.deleting:
                veto = delete_veto(seen, held=held, confirmed=given.confirmed)
            else:
                veto = prune_veto(seen, allowed=given.prune, held=held, confirmed=given.confirmed)
            if veto is not None and veto.code == "prune-off" and given.policy.release_unpruned:
                released.append(ref)
            elif veto is not None:
                retained.append(entry)
                vetoes.append(veto)
            else:
                candidates.append((entry, seen))
    if not given.deleting:
        mass = mass_prune_veto(
            [entry.ref for entry, _ in candidates],
            owned=len(given.inventory.entries),
            desired=len(given.desired),
            allow_empty=given.policy.allow_empty,
            confirmed=given.confirmed,
        )
        if mass is not None:
            retained.extend(entry for entry, _ in candidates)
            vetoes.append(mass)
            candidates = []
    for entry, seen in candidates:
        place = Place(0, seen.wave, rank_of(entry.ref))
        steps.append((place, Step(Action.PRUNE, entry.ref, entry.version, None, seen)))
    return steps, released, retained, handed, vetoes


def _is_given(claim: Claim | None, seen: Live | Presence, unit: ObjectRef) -> bool:
    """Say whether Git has given an object to another unit that has not taken it over yet.

    One that bears this unit's mark has not been taken, whatever the other has recorded of earlier times.
    """
    if claim is None or seen is Presence.ABSENT:
        return False
    return not claim.owned or (isinstance(seen, Live) and seen.owner == unit)


def _belongs_elsewhere(seen: Live | Presence, unit: ObjectRef) -> bool:
    """Say whether the live object's own marks name another unit as its owner."""
    return isinstance(seen, Live) and seen.owner is not None and seen.owner != unit
