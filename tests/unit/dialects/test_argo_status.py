"""An Application's status has Argo CD's shape, and is written only when it says something new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.dialects.samples import APPLICATION, COMMIT, NOW, REVISION, changed

from trueup.core.health import Health, HealthStatus
from trueup.core.model.dialect import Context
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import (
    Notice,
    ObjectReport,
    ObjectResult,
    OperationReport,
    OperationState,
    Reason,
    ResultCode,
    StatusWrite,
    SyncState,
    UnitPhase,
    UnitReport,
)
from trueup.core.model.state import Held, HistoryEntry
from trueup.dialects import Argo

WEB = ObjectRef("apps", "Deployment", "shop", "web")
BAD = "2" * 40
REPORT = UnitReport(
    phase=UnitPhase.SETTLED,
    reason=Reason.SUCCEEDED,
    sync=SyncState.SYNCED,
    health=Health(HealthStatus.HEALTHY),
    current=REVISION,
    applied=REVISION,
    recipe="kustomize",
    images=("nginx:1.21",),
    objects=(
        ObjectReport(WEB, "v1", SyncState.SYNCED, Health(HealthStatus.PROGRESSING, "1 of 2"), wave=2),
        ObjectReport(ObjectRef("", "Namespace", "", "shop"), "v1", SyncState.OUT_OF_SYNC, requires_pruning=True),
    ),
    operation=OperationReport(
        OperationState.SUCCEEDED,
        REVISION,
        NOW - timedelta(seconds=5),
        NOW,
        results=(ObjectResult(WEB, "v1", ResultCode.SYNCED, "deployment.apps/web configured"),),
    ),
    history=(
        HistoryEntry(0, REVISION, "2026-11-24T09:00:00.5Z", "2026-11-24T09:00:03Z", "good"),
        HistoryEntry(1, f"main@sha1:{BAD}", "2026-11-24T09:10:00Z", "2026-11-24T09:10:03Z", "sick"),
    ),
    compared=NOW,
)


def written(report: UnitReport, body: dict[str, Any] = APPLICATION) -> StatusWrite:
    write = Argo().unit_status(body, report, NOW)
    assert write is not None
    return write


def conditions(report: UnitReport) -> dict[str, str]:
    return {item["type"]: item["message"] for item in written(report).status.get("conditions", [])}


def test_it_has_argo_cds_shape() -> None:
    write = written(REPORT)
    status = write.status
    assert not write.subresource and write.manager == "argocd-application-controller"
    assert status["sync"] == {
        "status": "Synced",
        "revision": COMMIT,
        "comparedTo": {
            "source": APPLICATION["spec"]["source"],
            "destination": APPLICATION["spec"]["destination"],
        },
    }
    assert status["health"] == {"status": "Healthy", "lastTransitionTime": "2026-11-24T10:00:05Z"}
    assert status["sourceType"] == "Kustomize" and status["summary"] == {"images": ["nginx:1.21"]}
    assert status["resources"] == [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "status": "Synced",
            "health": {"status": "Progressing", "message": "1 of 2"},
            "syncWave": 2,
        },
        {"version": "v1", "kind": "Namespace", "name": "shop", "status": "OutOfSync", "requiresPruning": True},
    ]
    state = status["operationState"]
    assert (state["phase"], state["message"]) == ("Succeeded", "successfully synced (all tasks run)")
    assert (state["startedAt"], state["finishedAt"]) == ("2026-11-24T10:00:00Z", "2026-11-24T10:00:05Z")
    assert state["operation"]["initiatedBy"] == {"automated": True}
    assert state["syncResult"]["revision"] == COMMIT
    assert state["syncResult"]["resources"] == [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "shop",
            "name": "web",
            "status": "Synced",
            "message": "deployment.apps/web configured",
            "hookPhase": "Running",
            "syncPhase": "Sync",
        }
    ]
    assert status["history"] == [
        {
            "id": 0,
            "revision": COMMIT,
            "deployStartedAt": "2026-11-24T09:00:00Z",
            "deployedAt": "2026-11-24T09:00:03Z",
            "initiatedBy": {"automated": True},
            "source": APPLICATION["spec"]["source"],
        }
    ]
    assert status["reconciledAt"] == "2026-11-24T10:00:05Z" and "conditions" not in status


def test_a_status_that_says_the_same_is_not_written_again() -> None:
    body = {**APPLICATION, "status": written(REPORT).status}
    later = msgspec.structs.replace(REPORT, compared=NOW + timedelta(minutes=3))
    assert Argo().unit_status(body, later, NOW + timedelta(minutes=3)) is None
    assert Argo().unit_status(body, msgspec.structs.replace(later, sync=SyncState.OUT_OF_SYNC), NOW) is not None


def test_nulls_in_helm_values_are_not_repeated_in_the_status() -> None:
    helm = {"valuesObject": {"resources": None, "replicas": 2}}
    body = changed(APPLICATION, {"source": {**APPLICATION["spec"]["source"], "helm": helm}})
    status = written(REPORT, body).status
    assert status["sync"]["comparedTo"]["source"]["helm"] == {"valuesObject": {"replicas": 2}}
    assert status["operationState"]["syncResult"]["source"]["helm"] == {"valuesObject": {"replicas": 2}}


def test_history_keeps_the_source_it_was_delivered_from() -> None:
    body = {
        **changed(APPLICATION, {"source": {"repoURL": "https://new", "path": "p"}}),
        "status": written(REPORT).status,
    }
    status = written(msgspec.structs.replace(REPORT, sync=SyncState.UNKNOWN), body).status
    assert status["history"][0]["source"] == APPLICATION["spec"]["source"]


def test_revision_history_limit_is_kept() -> None:
    many = tuple(
        HistoryEntry(number, REVISION, "2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z", "good") for number in range(20)
    )
    report = msgspec.structs.replace(REPORT, history=many)
    assert [item["id"] for item in written(report).status["history"]] == list(range(10, 20))
    few = changed(APPLICATION, {"revisionHistoryLimit": 2})
    assert [item["id"] for item in written(report, few).status["history"]] == [18, 19]


def test_a_revision_held_back_is_out_of_sync_at_gits_revision_and_its_operation_failed() -> None:
    report = msgspec.structs.replace(
        REPORT,
        phase=UnitPhase.HELD,
        reason=Reason.UNHEALTHY,
        current=f"main@sha1:{BAD}",
        held=Held("x", f"main@sha1:{BAD}", "Deployment/shop/web crashes", "2026-11-24T09:00:00Z", REVISION),
        operation=OperationReport(OperationState.FAILED, f"main@sha1:{BAD}", NOW, NOW, "crashes"),
    )
    status = written(report).status
    assert status["sync"]["status"] == "OutOfSync" and status["sync"]["revision"] == BAD
    assert (status["operationState"]["phase"], status["operationState"]["message"]) == ("Failed", "crashes")
    message = conditions(report)["SyncError"]
    assert BAD in message and COMMIT in message and "crashes" in message
    assert report.held is not None
    stopped = msgspec.structs.replace(report.held, stopped="the return failed too")
    message = conditions(msgspec.structs.replace(report, held=stopped, message=stopped.words))["SyncError"]
    assert "crashes; the return failed too" in message and "it runs" not in message


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.INVALID_SPEC, "InvalidSpecError"),
        (Reason.RENDER_FAILED, "ComparisonError"),
        (Reason.SOURCE_FAILED, "ComparisonError"),
        (Reason.REFUSED, "SyncError"),
        (Reason.INTERNAL, "UnknownError"),
    ],
)
def test_a_failure_is_a_condition_of_upstreams_type(reason: Reason, kind: str) -> None:
    report = UnitReport(UnitPhase.FAILED, reason, "words")
    assert list(conditions(report)) == [kind] and "words" in conditions(report)[kind]


def test_notices_are_warnings_and_keep_their_time() -> None:
    report = msgspec.structs.replace(REPORT, notices=(Notice("owned-by-other", "both"), Notice("odd", "well")))
    assert conditions(report) == {"SharedResourceWarning": "both", "Warning": "well"}
    body = {**APPLICATION, "status": written(report).status}
    again = Argo().unit_status(body, msgspec.structs.replace(report, sync=SyncState.UNKNOWN), NOW + timedelta(days=1))
    assert again is not None
    assert again.status["conditions"] == body["status"]["conditions"]


def test_requests_are_removed_once_they_were_taken_up() -> None:
    body = {
        **changed(APPLICATION, annotations={"argocd.argoproj.io/refresh": "normal"}),
        "operation": {"sync": {"revision": "v2"}},
    }
    unit = Argo().translate(body, Context()).unit
    assert unit is not None and unit.operation is not None
    waiting = written(REPORT, body)
    assert not waiting.drop_annotations and not waiting.drop_fields
    done = msgspec.structs.replace(REPORT, handled=unit.requested, handled_operation=unit.operation.id)
    patch = written(done, body).patch(body)
    assert patch["operation"] is None
    assert patch["metadata"] == {"annotations": {"argocd.argoproj.io/refresh": None}}


def test_an_operation_that_cannot_be_done_ends_in_an_error_at_once() -> None:
    body = {**APPLICATION, "operation": {"sync": {"manifests": ["kind: x"]}}}
    write = written(REPORT, body)
    assert write.drop_fields == ("operation",)
    assert write.status["operationState"]["phase"] == "Error"
    assert "manifests" in write.status["operationState"]["message"]


def test_what_another_controller_observes_is_left_alone() -> None:
    assert Argo().unit_status(APPLICATION, msgspec.structs.replace(REPORT, phase=UnitPhase.OBSERVED), NOW) is None


def test_what_was_there_before_a_takeover_stays() -> None:
    old = {"history": [{"id": 4, "revision": COMMIT}], "operationState": {"phase": "Succeeded"}}
    status = written(UnitReport(UnitPhase.WAITING, Reason.PROGRESSING), {**APPLICATION, "status": old}).status
    assert status["history"] == old["history"] and status["operationState"] == old["operationState"]


def test_ready_is_synced_and_healthy() -> None:
    body = {**APPLICATION, "status": written(REPORT).status}
    assert Argo().ready(body)
    body["status"] = {**body["status"], "health": {"status": "Degraded"}}
    assert not Argo().ready(body)
