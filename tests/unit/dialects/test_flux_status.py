"""Statuses of Kustomizations and GitRepositories have Flux's shape, and are written only to say something new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.dialects.samples import BUCKET, KUSTOMIZATION, NOW, REPOSITORY, REVISION, changed

from trueup.core.model.artifact import Artifact, Fault, Revision
from trueup.core.model.objects import Inventory, InventoryEntry
from trueup.core.model.reports import Notice, Reason, SourceReport, StatusWrite, UnitPhase, UnitReport
from trueup.core.model.state import Held, HistoryEntry, Inputs, Pin
from trueup.dialects import Flux

BAD = "main@sha1:" + "2" * 40
SETTLED = UnitReport(
    phase=UnitPhase.SETTLED,
    reason=Reason.SUCCEEDED,
    generation=3,
    current=REVISION,
    attempted=REVISION,
    applied=REVISION,
    gated=True,
    timeout=270,
    checked_for=3.2,
    handled="token",
    inventory=Inventory.of(
        [
            InventoryEntry("apps", "Deployment", "shop", "web", "v1"),
            InventoryEntry("rbac.authorization.k8s.io", "ClusterRole", "", "system:web", "v1"),
        ]
    ),
    history=(
        HistoryEntry(0, BAD, "2026-11-24T08:00:00Z", "2026-11-24T08:00:02Z", "sick", "aa"),
        HistoryEntry(1, REVISION, "2026-11-24T09:00:00Z", "2026-11-24T09:00:01.5Z", "good", "bb"),
    ),
)
ARTIFACT = Artifact(Revision.parse(REVISION), "gitrepository/a.tar.gz", "http://t/a.tar.gz", "sha256:00", 12, NOW)


def written(report: UnitReport, body: dict[str, Any] = KUSTOMIZATION) -> StatusWrite:
    write = Flux().unit_status(body, report, NOW)
    assert write is not None
    return write


def said(status: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {item["type"]: (item["status"], item["reason"], item["message"]) for item in status["conditions"]}


def source_said(report: SourceReport, body: dict[str, Any] = REPOSITORY) -> dict[str, Any]:
    write = Flux().source_status(body, report, NOW)
    assert write is not None and write.subresource
    return write.status


def test_a_settled_kustomization_has_fluxs_shape() -> None:
    write = written(SETTLED)
    assert write.subresource
    assert write.status == {
        "observedGeneration": 3,
        "lastHandledReconcileAt": "token",
        "lastAppliedRevision": REVISION,
        "lastAttemptedRevision": REVISION,
        "inventory": {
            "entries": [
                {"id": "shop_web_apps_Deployment", "v": "v1"},
                {"id": "_system__web_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
            ]
        },
        "history": [
            {
                "digest": "blake2b:bb",
                "firstReconciled": "2026-11-24T09:00:00Z",
                "lastReconciled": "2026-11-24T09:00:01Z",
                "lastReconciledDuration": "1.5s",
                "lastReconciledStatus": "ReconciliationSucceeded",
                "totalReconciliations": 1,
                "metadata": {"revision": REVISION},
            },
            {
                "digest": "blake2b:aa",
                "firstReconciled": "2026-11-24T08:00:00Z",
                "lastReconciled": "2026-11-24T08:00:02Z",
                "lastReconciledDuration": "2s",
                "lastReconciledStatus": "HealthCheckFailed",
                "totalReconciliations": 1,
                "metadata": {"revision": BAD},
            },
        ],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "ReconciliationSucceeded",
                "message": f"Applied revision: {REVISION}",
                "lastTransitionTime": "2026-11-24T10:00:05Z",
                "observedGeneration": 3,
            },
            {
                "type": "Healthy",
                "status": "True",
                "reason": "Succeeded",
                "message": "Health check passed in 3.2s",
                "lastTransitionTime": "2026-11-24T10:00:05Z",
                "observedGeneration": 3,
            },
        ],
    }


def test_a_status_that_says_the_same_is_not_written_again() -> None:
    body = {**KUSTOMIZATION, "status": written(SETTLED).status}
    later = msgspec.structs.replace(SETTLED, checked_for=900.0)
    assert Flux().unit_status(body, later, NOW + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (UnitPhase.RENDERING, f"Building manifests for revision {REVISION} with a timeout of 4m30s"),
        (UnitPhase.APPLYING, f"Detecting drift for revision {REVISION} with a timeout of 4m30s"),
        (UnitPhase.CHECKING, f"Running health checks for revision {REVISION} with a timeout of 4m30s"),
    ],
)
def test_progress_is_told_in_upstreams_words(phase: UnitPhase, message: str) -> None:
    status = written(msgspec.structs.replace(SETTLED, phase=phase, reason=Reason.PROGRESSING)).status
    found = said(status)
    assert found["Reconciling"] == ("True", "Progressing", message)
    assert found["Ready"] == ("Unknown", "Progressing", "Reconciliation in progress")
    assert ("Healthy" in found) is (phase is UnitPhase.CHECKING)
    assert "observedGeneration" not in status


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (Reason.DEPENDENCY_NOT_READY, "DependencyNotReady"),
        (Reason.PATH_ABSENT, "ArtifactFailed"),
        (Reason.RENDER_FAILED, "BuildFailed"),
        (Reason.REFUSED, "ReconciliationFailed"),
        (Reason.PRUNE_FAILED, "PruneFailed"),
        (Reason.UNHEALTHY, "HealthCheckFailed"),
        (Reason.EXPRESSION_INVALID, "InvalidCELExpression"),
    ],
)
def test_a_failure_has_upstreams_reason(reason: Reason, word: str) -> None:
    report = msgspec.structs.replace(SETTLED, phase=UnitPhase.FAILED, reason=reason, message="words")
    found = said(written(report).status)
    assert found["Ready"] == ("False", word, "words")
    assert found["Reconciling"][1] == "ProgressingWithRetry" and "Stalled" not in found
    stalled = written(msgspec.structs.replace(report, stalled=True)).status
    assert said(stalled)["Stalled"] == ("True", word, "words") and "Reconciling" not in said(stalled)
    assert stalled["observedGeneration"] == 3


def test_a_revision_held_back_is_attempted_and_the_good_one_applied() -> None:
    held = Held("x", BAD, "Deployment/shop/web crashes", "2026-11-24T09:00:00Z", REVISION)
    report = msgspec.structs.replace(
        SETTLED, phase=UnitPhase.HELD, reason=Reason.UNHEALTHY, attempted=BAD, current=BAD, held=held
    )
    status = written(report).status
    assert (status["lastAppliedRevision"], status["lastAttemptedRevision"]) == (REVISION, BAD)
    ready = said(status)["Ready"]
    assert ready[:2] == ("False", "HealthCheckFailed") and BAD in ready[2] and "crashes" in ready[2]
    assert not Flux().ready({**KUSTOMIZATION, "status": status})


def test_a_return_that_stopped_and_a_proposed_revert_are_told_and_nothing_runs_again() -> None:
    held = Held("x", BAD, "it crashes", "2026-11-24T09:00:00Z", REVISION, stopped="the return failed too")
    words = f"{held.words}; its revert is proposed: https://host/pulls/1"
    report = msgspec.structs.replace(
        SETTLED, phase=UnitPhase.HELD, reason=Reason.UNHEALTHY, message=words, attempted=BAD, held=held
    )
    message = said(written(report).status)["Ready"][2]
    assert message == f"Revision {BAD} is held back: {words}"


def test_a_pinned_kustomization_is_ready_and_says_so() -> None:
    pin = Pin(Inputs("x", REVISION), 3, "2026-11-24T09:00:00Z", "jane", "checkout fails")
    status, reason, message = said(written(msgspec.structs.replace(SETTLED, pin=pin)).status)["Ready"]
    assert (status, reason) == ("True", "ReconciliationSucceeded")
    assert message.startswith(f"Applied revision: {REVISION}; pinned to {REVISION} by jane (checkout fails) since")


def test_conditions_of_others_stay_and_ours_come_in_upstreams_order() -> None:
    foreign = {"type": "Audited", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "t"}
    body = {**KUSTOMIZATION, "status": {"conditions": [foreign]}}
    report = msgspec.structs.replace(SETTLED, phase=UnitPhase.FAILED, notices=(Notice("unknown-field", "spec.x"),))
    found = written(report, body).status["conditions"]
    assert [item["type"] for item in found] == ["Reconciling", "Ready", "Audited", "trueup.dev/Notices"]
    assert found[2] == foreign and found[3]["reason"] == "UnknownField"


def test_a_transition_keeps_its_time_while_nothing_changes_but_the_generation() -> None:
    body = {**KUSTOMIZATION, "status": written(SETTLED).status}
    write = Flux().unit_status(body, msgspec.structs.replace(SETTLED, generation=4), NOW + timedelta(hours=1))
    assert write is not None
    assert write.status["conditions"][0]["lastTransitionTime"] == "2026-11-24T10:00:05Z"
    assert write.status["conditions"][0]["observedGeneration"] == 4


def test_a_suspended_kustomization_only_answers_requests() -> None:
    body = {**KUSTOMIZATION, "status": written(SETTLED).status}
    suspended = msgspec.structs.replace(SETTLED, phase=UnitPhase.SUSPENDED, reason=Reason.SUSPENDED, handled="later")
    write = Flux().unit_status(body, suspended, NOW)
    assert write is not None and write.status == {**body["status"], "lastHandledReconcileAt": "later"}


def test_a_failure_before_anything_was_applied_keeps_the_old_inventory() -> None:
    old = {"inventory": {"entries": [{"id": "a_b__ConfigMap", "v": "v1"}]}, "lastAppliedRevision": REVISION}
    report = UnitReport(UnitPhase.FAILED, Reason.RENDER_FAILED, "words", generation=3)
    status = written(report, {**KUSTOMIZATION, "status": old}).status
    assert status["inventory"] == old["inventory"] and status["lastAppliedRevision"] == REVISION


def test_ready_wants_its_own_generation_observed() -> None:
    body = {**KUSTOMIZATION, "status": written(SETTLED).status}
    assert Flux().ready(body)
    assert not Flux().ready(changed(body, generation=4))


def test_a_stored_artifact_is_shown_as_upstream_shows_it() -> None:
    body = changed(REPOSITORY, {"ignore": "*.md", "sparseCheckout": ["web"]})
    status = source_said(SourceReport(generation=2, revision=REVISION, artifact=ARTIFACT, handled="t"), body)
    assert status["artifact"] == {
        "digest": "sha256:00",
        "lastUpdateTime": "2026-11-24T10:00:05Z",
        "path": "gitrepository/a.tar.gz",
        "revision": REVISION,
        "size": 12,
        "url": "http://t/a.tar.gz",
    }
    stored = ("True", "Succeeded", f"stored artifact for revision '{REVISION}'")
    assert said(status) == {"Ready": stored, "ArtifactInStorage": stored}
    assert status["observedGeneration"] == 2 and status["lastHandledReconcileAt"] == "t"
    assert (status["observedIgnore"], status["observedSparseCheckout"]) == ("*.md", ["web"])
    again = SourceReport(generation=2, revision=REVISION, artifact=ARTIFACT, handled="t")
    assert Flux().source_status({**body, "status": status}, again, NOW + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.CREDENTIALS, "AuthenticationFailed"), (Fault.URL, "URLInvalid"), (Fault.REF, "GitOperationFailed")],
)
def test_a_failed_fetch_keeps_the_artifact_and_says_why(fault: Fault, reason: str) -> None:
    found = said(source_said(SourceReport(generation=2, artifact=ARTIFACT, fault=fault, message="words")))
    assert found["FetchFailed"] == ("True", reason, "words") and found["Ready"] == ("False", reason, "words")
    assert found["Reconciling"][1] == "ProgressingWithRetry" and found["ArtifactInStorage"][0] == "True"
    stalled = said(source_said(SourceReport(generation=2, fault=fault, message="words", stalled=True)))
    assert stalled["Stalled"] == ("True", reason, "words") and "Reconciling" not in stalled


def test_a_bucket_says_what_flux_says() -> None:
    revision = Revision("", "sha256:" + "a" * 64)
    artifact = Artifact(revision, "bucket/a.tar.gz", "http://t/a.tar.gz", "sha256:00", 12, NOW)
    body = changed(BUCKET, {"ignore": "*.md"})
    status = source_said(SourceReport(generation=2, revision=str(artifact.revision), artifact=artifact), body)
    stored = ("True", "Succeeded", f"stored artifact: revision '{artifact.revision}'")
    assert said(status) == {"Ready": stored, "ArtifactInStorage": stored}
    assert status["observedIgnore"] == "*.md"
    failed = said(source_said(SourceReport(generation=2, artifact=artifact, fault=Fault.REF, message="words"), body))
    assert failed["Ready"] == ("False", "BucketOperationFailed", "words")


def test_whose_signature_it_is_stands_in_a_condition_of_its_own() -> None:
    body = changed(REPOSITORY, {"verify": {"mode": "head", "secretRef": {"name": "keys"}}})
    good = SourceReport(generation=2, revision=REVISION, artifact=ARTIFACT, verified="verified signature of x")
    status = source_said(good, body)
    assert said(status)["SourceVerified"] == ("True", "Succeeded", "verified signature of x")
    assert status["sourceVerificationMode"] == "HEAD"
    bad = msgspec.structs.replace(good, fault=Fault.COMMIT_SIGNATURE, message="words")
    found = said(source_said(bad, {**body, "status": status}))
    assert found["SourceVerified"] == found["Ready"] == ("False", "InvalidCommitSignature", "words")
    assert "FetchFailed" not in found and found["ArtifactInStorage"][0] == "True"
    unreached = said(source_said(msgspec.structs.replace(good, fault=Fault.TIMEOUT, message="words"), body))
    assert unreached["SourceVerified"][0] == "True" and unreached["FetchFailed"][0] == "True"
    gone = source_said(
        SourceReport(generation=2, revision=REVISION, artifact=ARTIFACT), {**REPOSITORY, "status": status}
    )
    assert "SourceVerified" not in said(gone) and "sourceVerificationMode" not in gone


def test_failing_to_store_is_no_failed_fetch() -> None:
    found = said(source_said(SourceReport(fault=Fault.DISK, message="full", storing=True)))
    assert found["StorageOperationFailed"] == ("True", "ArchiveOperationFailed", "full") and "FetchFailed" not in found


def test_before_the_first_artifact_it_is_being_built() -> None:
    found = said(source_said(SourceReport(generation=2)))
    assert found["Ready"] == ("Unknown", "Progressing", "building artifact")
