"""The plan brings the target true and never does harm, in any world of desired, owned, living and unread objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import (
    CREATED,
    ApplyMode,
    Desired,
    Inventory,
    InventoryEntry,
    ObjectOptions,
    ObjectRef,
    Phase,
    PruneMode,
)
from trueup.core.model.permissions import NamespacePattern, Permissions
from trueup.core.model.unit import SyncPolicy
from trueup.core.plan.plan import Claim, Plan, PlanInput, make_plan
from trueup.core.plan.tasks import Action, ApplyTask, PruneTask, Step
from trueup.core.plan.waves import Place

UNIT = ObjectRef("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "shop")
OTHER = ObjectRef("argoproj.io", "Application", "argocd", "other")
KINDS = [("", "ConfigMap"), ("apps", "Deployment"), ("", "Namespace"), ("storage.k8s.io", "StorageClass")]
REFS = [ObjectRef(group, kind, "shop", f"{kind.lower()}-{n}") for group, kind in KINDS for n in range(2)]


def wanted(ref: ObjectRef, content: str = "a", **options: object) -> Desired:
    """A desired object whose content is one word."""
    api = f"{ref.group}/v1" if ref.group else "v1"
    body = {
        "apiVersion": api,
        "kind": ref.kind,
        "metadata": {"namespace": ref.namespace, "name": ref.name},
        "x": content,
    }
    return Desired.of(body, msgspec.structs.replace(ObjectOptions(), **options))


def owned(ref: ObjectRef, content: str = "a", managed_digests: bool = True) -> InventoryEntry:
    """The inventory's entry of an object that was applied with this content."""
    entry = InventoryEntry.of(wanted(ref, content))
    return msgspec.structs.replace(entry, managed_digest=seal_of(entry.digest) if managed_digests else "")


def seal_of(digest: str) -> str:
    """What the server keeps of an object that nobody else touched."""
    return f"seal:{digest}"


def living(ref: ObjectRef, content: str = "a", **more: object) -> Live:
    """A live object as it is right after this content was applied."""
    managed_digest = seal_of(wanted(ref, content).digest)
    found = Live(ref, f"uid-{ref.name}", "1", managed_digest, Health(HealthStatus.HEALTHY))
    return msgspec.structs.replace(found, **more)


@dataclass
class World:
    """A unit's view of a cluster. `seen` holds what is known; any other object is absent."""

    given: PlanInput
    seen: dict[ObjectRef, Live | Presence]

    def plan(self) -> Plan:
        """Plan the next sync."""
        return make_plan(self.given, lambda ref: self.seen.get(ref, Presence.ABSENT))

    def carried_out(self, plan: Plan) -> World:
        """The world after every step succeeded: the inventory is `keep`, with the seals of what was written."""
        seen = dict(self.seen)
        seals: dict[ObjectRef, str] = {}
        for step in plan.steps:
            if step.action is Action.PRUNE:
                seen.pop(step.ref)
            else:
                assert step.desired is not None
                seals[step.ref] = seal_of(step.desired.digest)
                before = seen.get(step.ref)
                found = before if isinstance(before, Live) else living(step.ref)
                seen[step.ref] = msgspec.structs.replace(found, managed_digest=seals[step.ref])
        entries = [
            e
            if e.managed_digest == CREATED
            else msgspec.structs.replace(e, managed_digest=seals.get(e.ref, e.managed_digest))
            for e in plan.keep.entries
        ]
        return World(msgspec.structs.replace(self.given, inventory=Inventory.of(entries)), seen)


CONTENT = st.sampled_from("abc")
OPTIONS = st.fixed_dictionaries(
    {
        "apply": st.sampled_from([ApplyMode.OVERRIDE, ApplyMode.OVERRIDE, ApplyMode.CREATE_ONLY, ApplyMode.IGNORE]),
        "wave": st.integers(-2, 2),
        "phase": st.sampled_from([Phase.SYNC, Phase.SYNC, Phase.PRE_SYNC, Phase.POST_SYNC]),
    }
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world: objects desired, owned, living, unread, claimed by others, guarded; any policy."""
    desired = [
        wanted(ref, draw(CONTENT), **draw(OPTIONS)) for ref in draw(st.lists(st.sampled_from(REFS), unique=True))
    ]
    inventory = Inventory.of(
        owned(ref, draw(CONTENT), draw(st.booleans())) for ref in draw(st.lists(st.sampled_from(REFS), unique=True))
    )
    seen: dict[ObjectRef, Live | Presence] = {}
    for ref in REFS:
        state = draw(st.sampled_from(["absent", "absent", "unknown", "live", "live", "live", "live"]))
        if state == "unknown":
            seen[ref] = Presence.UNKNOWN
        elif state == "live":
            seen[ref] = living(
                ref,
                draw(CONTENT),
                deleting=draw(st.sampled_from([False, False, False, True])),
                owner=draw(st.sampled_from([None, UNIT, UNIT, OTHER])),
                prune=draw(st.sampled_from(list(PruneMode))),
                wave=draw(st.integers(-1, 1)),
            )
    claims = {
        ref: Claim(OTHER, draw(st.booleans()), draw(st.booleans()))
        for ref in draw(st.lists(st.sampled_from(REFS), unique=True, max_size=2))
    }
    policy = SyncPolicy(
        allow_empty=draw(st.booleans()), fail_on_shared=draw(st.booleans()), release_unpruned=draw(st.booleans())
    )
    given = PlanInput(
        unit=UNIT,
        desired=desired,
        inventory=inventory,
        policy=policy,
        claims=claims,
        holding=dict.fromkeys(draw(st.lists(st.sampled_from(REFS), max_size=2)), "3 Pods"),
        confirmed=draw(st.booleans()),
        selected=draw(st.none() | st.frozensets(st.sampled_from(REFS))),
        deleting=draw(st.sampled_from([False, False, True])),
        prune=draw(st.booleans()),
    )
    return World(given, seen)


def refs(plan: Plan, *actions: Action) -> set[ObjectRef]:
    """The objects of a plan's steps with these actions."""
    return {step.ref for step in plan.steps if step.action in actions}


WRITES = (Action.CREATE, Action.CHANGE, Action.HEAL)


@given(worlds())
@settings(deadline=None)
def test_what_cannot_be_read_is_never_pruned(world: World) -> None:
    plan = world.plan()
    for ref in refs(plan, Action.PRUNE):
        assert isinstance(world.seen.get(ref), Live)
    for entry in world.given.inventory.entries:
        if world.seen.get(entry.ref) is Presence.UNKNOWN and entry.ref not in world.given.claims:
            assert entry.ref in plan.keep.refs | set(plan.released)


@given(worlds())
@settings(deadline=None)
def test_what_another_unit_claims_or_owns_is_never_pruned(world: World) -> None:
    for ref in refs(world.plan(), Action.PRUNE):
        seen = world.seen[ref]
        assert ref not in world.given.claims
        assert isinstance(seen, Live)
        assert seen.owner in (None, UNIT)


@given(worlds())
@settings(deadline=None)
def test_only_what_the_unit_owns_and_git_no_longer_has_is_pruned(world: World) -> None:
    pruned = refs(world.plan(), Action.PRUNE)
    assert pruned <= world.given.inventory.refs
    assert not pruned & {item.ref for item in world.given.desired}
    if not (world.given.prune or world.given.deleting):
        assert not pruned


@given(worlds())
@settings(deadline=None)
def test_a_guarded_object_stays(world: World) -> None:
    for ref in refs(world.plan(), Action.PRUNE):
        seen = world.seen[ref]
        assert isinstance(seen, Live)
        wish = seen.delete if world.given.deleting else seen.prune
        assert wish is not PruneMode.FORBID
        if not world.given.confirmed:
            assert wish is not PruneMode.CONFIRM
            assert ref not in world.given.holding


@given(worlds())
@settings(deadline=None)
def test_a_render_of_nothing_prunes_nothing(world: World) -> None:
    emptied = msgspec.structs.replace(
        world.given, desired=[], confirmed=False, deleting=False, policy=SyncPolicy(allow_empty=False)
    )
    plan = World(emptied, world.seen).plan()
    assert not refs(plan, Action.PRUNE)
    assert not refs(plan, *WRITES)


@given(worlds())
@settings(deadline=None)
def test_the_inventory_recorded_before_the_first_write_is_old_and_new(world: World) -> None:
    plan = world.plan()
    assert plan.during.refs >= world.given.inventory.refs | refs(plan, *WRITES) | plan.keep.refs
    written = {step.ref: step.desired for step in plan.steps if step.desired is not None}
    for entry in plan.during.entries:
        if entry.ref in written:
            assert entry.digest == written[entry.ref].digest
            only_made = written[entry.ref].options.apply is ApplyMode.CREATE_ONLY
            before = next((one for one in world.given.inventory.entries if one.ref == entry.ref), None)
            left = before.managed_digest if before is not None and before.digest == entry.digest else ""
            assert entry.managed_digest == (CREATED if only_made else left), "new content has no digest yet"


@given(worlds())
@settings(deadline=None)
def test_nothing_owned_is_forgotten(world: World) -> None:
    plan = world.plan()
    kept, pruned, released = plan.keep.refs, refs(plan, Action.PRUNE), set(plan.released)
    assert world.given.inventory.refs <= kept | pruned | released
    assert not kept & pruned
    assert not kept & released
    assert not pruned & released


@given(worlds())
@settings(deadline=None)
def test_a_partial_sync_touches_nothing_else(world: World) -> None:
    plan = world.plan()
    if world.given.selected is not None:
        assert {step.ref for step in plan.steps} <= world.given.selected
        others = [entry for entry in world.given.inventory.entries if entry.ref not in world.given.selected]
        assert set(others) <= set(plan.keep.entries)


@given(worlds())
@settings(deadline=None)
def test_equal_worlds_have_equal_plans(world: World) -> None:
    plan = world.plan()
    assert world.plan() == plan
    shuffled = msgspec.structs.replace(world.given, desired=list(reversed(world.given.desired)))
    again = World(shuffled, world.seen).plan()
    assert written(again) == written(plan)
    assert (again.prunes, again.keep, again.during) == (plan.prunes, plan.keep, plan.during)


def written(plan: Plan) -> set[tuple[Place, frozenset[Step]]]:
    return {(task.place, frozenset(task.steps)) for task in plan.tasks if isinstance(task, ApplyTask)}


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_a_plan_carried_out_leaves_nothing_to_do(world: World) -> None:
    after = world.carried_out(world.plan())
    assert after.plan().empty
    assert after.plan().keep == after.given.inventory


@given(worlds())
@settings(deadline=None, max_examples=150)
def test_a_crash_before_the_first_write_changes_nothing_about_the_outcome(world: World) -> None:
    plan = world.plan()
    crashed = World(msgspec.structs.replace(world.given, inventory=plan.during), world.seen)
    again = crashed.plan()
    assert refs(again, *WRITES) | set(again.unknown) >= refs(plan, *WRITES)
    assert again.keep.refs >= plan.keep.refs


@given(worlds())
@settings(deadline=None)
def test_stages_come_in_order_and_prunes_in_reverse(world: World) -> None:
    plan = world.plan()
    places = [task.place for task in plan.tasks if isinstance(task, ApplyTask)]
    assert places == sorted(set(places))
    removed = [task.place for task in plan.tasks if isinstance(task, PruneTask)]
    assert removed == sorted(set(removed), reverse=True)
    kinds = [isinstance(task, PruneTask) for task in plan.tasks]
    assert kinds == sorted(kinds), "nothing is removed before all is written"
    for task in plan.tasks:
        for step in task.steps if isinstance(task, ApplyTask) else ():
            assert step.desired is not None
            assert step.desired.options.wave == task.place.wave


@given(worlds())
@settings(deadline=None)
def test_what_is_only_created_is_never_changed_where_it_exists_or_may_exist(world: World) -> None:
    modes = {item.ref: item.options.apply for item in world.given.desired}
    for step in world.plan().steps:
        if modes.get(step.ref) is ApplyMode.CREATE_ONLY:
            assert step.action is Action.CREATE
            assert world.seen.get(step.ref, Presence.ABSENT) is Presence.ABSENT
        assert modes.get(step.ref) is not ApplyMode.IGNORE


@given(worlds())
@settings(deadline=None)
def test_what_is_being_deleted_is_not_written(world: World) -> None:
    for ref in refs(world.plan(), *WRITES):
        seen = world.seen.get(ref)
        assert not (isinstance(seen, Live) and seen.deleting)


# ------------------------------------------------------------------------------------------------ by example

WEB = ObjectRef("apps", "Deployment", "shop", "web")


def simple(
    desired: list[Desired], entries: list[InventoryEntry], seen: dict[ObjectRef, Live | Presence], **more: Any
) -> Plan:
    """Plan for a unit that may prune."""
    policy = more.pop("policy", SyncPolicy())
    return World(PlanInput(UNIT, desired, Inventory.of(entries), policy, prune=True, **more), seen).plan()


@pytest.mark.parametrize(
    ("entry", "seen", "action"),
    [
        (None, Presence.ABSENT, Action.CREATE),
        (None, living(WEB), Action.CHANGE),
        (None, Presence.UNKNOWN, Action.CHANGE),
        (owned(WEB), Presence.ABSENT, Action.CREATE),
        (owned(WEB), Presence.UNKNOWN, None),
        (owned(WEB), living(WEB), None),
        (owned(WEB), living(WEB, "b"), Action.HEAL),
        (owned(WEB, managed_digests=False), living(WEB), Action.HEAL),
        (owned(WEB, "old"), living(WEB, "old"), Action.CHANGE),
        (owned(WEB, "old"), Presence.UNKNOWN, Action.CHANGE),
    ],
)
def test_each_action(entry: InventoryEntry | None, seen: Live | Presence, action: Action | None) -> None:
    plan = simple([wanted(WEB)], [entry] if entry else [], {WEB: seen})
    assert [step.action for step in plan.steps] == ([action] if action else [])


def test_what_git_no_longer_has_is_pruned() -> None:
    gone = ObjectRef("", "ConfigMap", "shop", "old")
    plan = simple([wanted(WEB)], [owned(WEB), owned(gone)], {WEB: living(WEB), gone: living(gone)})
    assert [(step.action, step.ref) for step in plan.steps] == [(Action.PRUNE, gone)]
    assert plan.keep.refs == {WEB}
    assert plan.during.refs == {WEB, gone}


def test_what_came_first_goes_last() -> None:
    home = ObjectRef("", "Namespace", "", "shop")
    crew = ObjectRef("", "ServiceAccount", "shop", "web")
    late = ObjectRef("apps", "Deployment", "shop", "late")
    kept = ObjectRef("", "ConfigMap", "shop", "kept")
    seen: dict[ObjectRef, Live | Presence] = {ref: living(ref) for ref in (home, crew, WEB, kept)}
    seen[late] = living(late, wave=2)
    plan = simple([wanted(kept)], [owned(ref) for ref in (home, crew, WEB, late, kept)], seen)
    tasks = [task.steps for task in plan.tasks if isinstance(task, PruneTask)]
    assert [[step.ref for step in steps] for steps in tasks] == [[late], [WEB], [crew], [home]]


def test_what_cannot_be_read_stays_and_says_so() -> None:
    gone = ObjectRef("", "ConfigMap", "shop", "old")
    plan = simple([wanted(WEB)], [owned(WEB), owned(gone)], {WEB: living(WEB), gone: Presence.UNKNOWN})
    assert plan.empty
    assert [veto.code for veto in plan.blocking] == ["unknown"]
    assert gone in plan.keep.refs


def test_an_object_that_moved_to_another_unit_is_released_by_the_old_one() -> None:
    gone = ObjectRef("", "ConfigMap", "shop", "moved")
    claimed = simple([wanted(WEB)], [owned(gone)], {gone: living(gone)}, claims={gone: Claim(OTHER, True, True)})
    marked = simple([wanted(WEB)], [owned(gone)], {gone: living(gone, owner=OTHER)})
    for plan in (claimed, marked):
        assert plan.released == (gone,)
        assert not plan.prunes


@pytest.mark.parametrize(("owner", "recorded"), [(UNIT, True), (None, False), (UNIT, False)])
def test_an_object_that_the_other_unit_has_not_written_is_kept_until_it_has(
    owner: ObjectRef | None, recorded: bool
) -> None:
    gone = ObjectRef("", "ConfigMap", "shop", "moved")
    claims = {gone: Claim(OTHER, True, True, owned=recorded)}
    plan = simple([wanted(WEB)], [owned(gone)], {gone: living(gone, owner=owner)}, claims=claims)
    assert plan.given == (gone,) and gone in plan.keep.refs and not plan.prunes and not plan.released


def test_an_object_that_could_not_be_taken_over_is_let_go_and_not_removed() -> None:
    there = ObjectRef("", "ConfigMap", "shop", "before")
    tried = owned(there, managed_digests=False)
    plan = simple([wanted(WEB)], [owned(WEB), tried], {WEB: living(WEB), there: living(there, "theirs")})
    assert plan.released == (there,) and not plan.prunes
    marked = simple([wanted(WEB)], [owned(WEB), tried], {WEB: living(WEB), there: living(there, owner=UNIT)})
    assert [step.ref for step in marked.prunes] == [there], "it bears our mark: the write was made, and not recorded"


def test_an_object_left_to_its_first_owner_is_taken_over_when_that_one_gives_it_up() -> None:
    claims = {WEB: Claim(OTHER, same=True, first=True)}
    shared = simple([wanted(WEB)], [], {WEB: living(WEB, owner=OTHER)}, claims=claims)
    assert shared.empty and [entry.shared for entry in shared.keep.entries] == [True] and not shared.keep.held
    alone = simple([wanted(WEB)], list(shared.keep.entries), {WEB: living(WEB, owner=OTHER)})
    assert [step.action for step in alone.writes] == [Action.HEAL] and not alone.writes[0].undoes


def test_a_deployment_rendered_empty_says_what_to_do() -> None:
    plan = simple([], [owned(WEB)], {WEB: living(WEB)})
    assert plan.empty
    assert [veto.code for veto in plan.blocking] == ["prune-empty"]
    assert "allow the unit to be empty" in plan.blocking[0].message
    assert refs(simple([], [owned(WEB)], {WEB: living(WEB)}, policy=SyncPolicy(allow_empty=True)), Action.PRUNE) == {
        WEB
    }
    assert refs(simple([], [owned(WEB)], {WEB: living(WEB)}, deleting=True), Action.PRUNE) == {WEB}


def test_a_mass_prune_waits_for_a_confirmation() -> None:
    many = [ObjectRef("", "ConfigMap", "shop", f"c{n}") for n in range(30)]
    entries = [owned(ref) for ref in many]
    seen: dict[ObjectRef, Live | Presence] = {ref: living(ref) for ref in many}
    few = [wanted(ref) for ref in many[:2]]
    plan = simple(few, entries, seen)
    assert plan.empty
    assert [veto.code for veto in plan.blocking] == ["prune-mass"]
    assert plan.keep.refs == set(many)
    assert refs(simple(few, entries, seen, confirmed=True), Action.PRUNE) == set(many[2:])


def test_the_first_claim_wins_where_two_units_want_different_content() -> None:
    late = simple([wanted(WEB)], [], {WEB: living(WEB)}, claims={WEB: Claim(OTHER, same=False, first=True)})
    assert late.empty
    assert late.blocking[0].other == OTHER
    early = simple([wanted(WEB)], [], {WEB: living(WEB)}, claims={WEB: Claim(OTHER, same=False, first=False)})
    assert refs(early, Action.CHANGE) == {WEB}
    same = simple([wanted(WEB)], [], {WEB: living(WEB)}, claims={WEB: Claim(OTHER, same=True, first=True)})
    assert not same.blocking


def test_the_digest_an_object_was_good_with_survives_a_crash_in_the_sync() -> None:
    entry = msgspec.structs.replace(owned(WEB, "old"), good="digest-of-good")
    plan = simple([wanted(WEB)], [entry], {WEB: living(WEB, "old")})
    assert [item.good for item in plan.during.entries] == ["digest-of-good"]
    assert [item.good for item in plan.keep.entries] == ["digest-of-good"]


def test_an_object_marked_to_be_left_alone_is_given_up_by_name() -> None:
    plan = simple([wanted(WEB, apply=ApplyMode.IGNORE)], [owned(WEB)], {WEB: living(WEB, "b")})
    assert plan.empty
    assert plan.released == (WEB,)
    assert not plan.keep.entries


def test_what_is_only_created_waits_while_it_cannot_be_known_whether_it_exists() -> None:
    plan = simple([wanted(WEB, apply=ApplyMode.CREATE_ONLY)], [], {WEB: Presence.UNKNOWN})
    assert plan.empty
    assert plan.unknown == (WEB,)
    assert not plan.keep.entries, "what was neither made nor seen is not owned"


FENCED = Permissions("shop", (NamespacePattern("shop"),))
OUTSIDE = ObjectRef("", "ConfigMap", "victim", "a")
INSIDE = ObjectRef("", "ConfigMap", "shop", "a")


def test_what_is_not_permitted_is_never_written_removed_or_released() -> None:
    mine = living(OUTSIDE, owner=UNIT)
    plan = simple([wanted(INSIDE), wanted(OUTSIDE)], [], {}, permissions=FENCED)
    assert [step.ref for step in plan.writes] == [INSIDE] and OUTSIDE not in plan.during.refs
    (veto,) = plan.blocking
    assert (veto.code, veto.ref) == ("not-permitted", OUTSIDE)
    for deleting in (False, True):
        plan = simple([], [owned(OUTSIDE)], {OUTSIDE: mine}, permissions=FENCED, deleting=deleting)
        assert plan.empty and OUTSIDE in plan.keep.refs and not plan.blocking
        assert [veto.code for veto in plan.vetoes] == ["not-permitted"]
    plan = simple([], [owned(OUTSIDE)], {OUTSIDE: Presence.ABSENT}, permissions=FENCED)
    assert plan.released == (OUTSIDE,)
    asked = simple([wanted(OUTSIDE)], [], {}, permissions=FENCED, selected=frozenset({OUTSIDE}))
    assert asked.empty and asked.blocking
