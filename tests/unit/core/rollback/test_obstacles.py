"""What no return brings back is named, and what a return must not do again is left out of its plan."""

from __future__ import annotations

import pytest

from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Body, Desired, Inventory, InventoryEntry, ObjectRef
from trueup.core.model.unit import SyncPolicy
from trueup.core.plan.plan import Plan, PlanInput, make_plan
from trueup.core.rollback.obstacles import guarded, obstacles, rollback_plan

UNIT = ObjectRef("example.com", "Unit", "x", "u")


def desired(api: str, kind: str, name: str = "a", **fields: object) -> Desired:
    body: Body = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "x"}, **fields}
    return Desired.of(body)


def live(ref: ObjectRef, status: HealthStatus = HealthStatus.HEALTHY, deleting: bool = False) -> Live:
    return Live(ref, "uid", "1", "seal", Health(status), deleting)


def plan_of(wanted: list[Desired], owned: list[InventoryEntry], cluster: dict[ObjectRef, Live]) -> Plan:
    given = PlanInput(UNIT, wanted, Inventory.of(owned), SyncPolicy(prune=True), prune=True)
    return make_plan(given, lambda ref: cluster.get(ref, Presence.ABSENT))


JOB = desired("batch/v1", "Job")
CLAIM = desired("v1", "PersistentVolumeClaim")
MAP = desired("v1", "ConfigMap", data={"a": "1"})


@pytest.mark.parametrize(
    "item",
    [
        CLAIM,
        desired("v1", "PersistentVolume"),
        desired("v1", "Namespace"),
        desired("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ],
    ids=lambda item: item.ref.kind,
)
def test_what_held_something_and_was_removed(item: Desired) -> None:
    found = obstacles(plan_of([item, MAP], [], {}), Inventory(), lambda ref: Presence.ABSENT, past_jobs=False)
    assert [(obstacle.code, obstacle.ref) for obstacle in found] == [("removed", item.ref)]
    assert "trueup rollback" in found[0].message
    going = {item.ref: live(item.ref, deleting=True)}
    found = obstacles(plan_of([item], [], going), Inventory(), lambda ref: Presence.ABSENT, past_jobs=False)
    assert [obstacle.code for obstacle in found] == ["being-removed"]


@pytest.mark.parametrize(
    ("seen", "good", "past_jobs", "codes"),
    [
        (live(JOB.ref), "", False, ["job-ran"]),
        (live(JOB.ref), "", True, []),
        (live(JOB.ref), JOB.digest, False, []),
        (live(JOB.ref, HealthStatus.PROGRESSING), "", False, ["running"]),
        (live(JOB.ref, HealthStatus.PROGRESSING), "", True, ["running"]),
        (live(JOB.ref, HealthStatus.PROGRESSING), JOB.digest, False, []),
        (live(JOB.ref, HealthStatus.PROGRESSING, deleting=True), "", False, []),
        (live(JOB.ref, HealthStatus.DEGRADED), "", False, []),
        (Presence.ABSENT, "", False, ["job-ran"]),
        (Presence.UNKNOWN, "", False, []),
    ],
)
def test_a_job_counts_when_the_bad_change_brought_it_and_it_has_run(
    seen: Live | Presence, good: str, past_jobs: bool, codes: list[str]
) -> None:
    entry = InventoryEntry(*JOB.ref, "v1", JOB.digest, "seal", good)
    found = obstacles(Plan(UNIT), Inventory.of([entry]), lambda ref: seen, past_jobs=past_jobs)
    assert [obstacle.code for obstacle in found] == codes


def test_a_job_that_was_never_written_has_not_run() -> None:
    entry = InventoryEntry(*JOB.ref, "v1", JOB.digest)
    assert obstacles(Plan(UNIT), Inventory.of([entry]), lambda ref: Presence.ABSENT, past_jobs=False) == ()


def test_the_way_back_runs_no_job_and_removes_nothing_that_may_hold_data() -> None:
    owned = [InventoryEntry(*CLAIM.ref, "v1", CLAIM.digest, "seal"), InventoryEntry(*MAP.ref, "v1", "other", "seal")]
    cluster = {CLAIM.ref: live(CLAIM.ref), MAP.ref: live(MAP.ref)}
    back = rollback_plan(plan_of([MAP, JOB], owned, cluster))
    assert [step.ref for step in back.plan.steps] == [MAP.ref]
    assert back.skipped == {JOB.ref}
    assert CLAIM.ref in back.plan.keep.refs and JOB.ref not in back.plan.keep.refs
    assert {veto.code for veto in back.plan.vetoes} == {"kept-by-return", "job-not-repeated"}
    assert not back.plan.blocking


def test_a_job_that_lives_and_differs_stays_the_units_as_it_is() -> None:
    entry = InventoryEntry(*JOB.ref, "v1", "other", "seal")
    back = rollback_plan(plan_of([JOB], [entry], {JOB.ref: live(JOB.ref)}))
    assert back.plan.empty and JOB.ref in back.plan.keep.refs


def test_what_holds_data_is_never_made_anew_by_force() -> None:
    kinds = [CLAIM, desired("apps/v1", "StatefulSet"), desired("apps/v1", "Deployment")]
    assert [guarded(step) for step in plan_of(kinds, [], {}).steps] == [True, True, False]
