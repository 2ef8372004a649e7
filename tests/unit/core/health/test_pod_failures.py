"""What pods prove of a rollout before its controller gives up, and what they do not prove."""

from typing import Any

import pytest

from trueup.core.health import Health, HealthStatus, Proof, evidence, explain, newest, rollout_evidence, trouble


def pod(name: str, waiting: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A pod of ReplicaSet `web-7d9` whose one container waits."""
    state = {"name": "web", "state": {"waiting": waiting}, "restartCount": more.pop("restarts", 0)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": {"pod-template-hash": more.pop("hash", "7d9")},
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": "web-7d9", "uid": more.pop("owner", "rs-2"), "controller": True}
            ],
        },
        "spec": {"containers": [{"name": "web", "image": "registry/app:broken"}]},
        "status": {"phase": "Running", "containerStatuses": [{**state, "lastState": more.pop("last", {})}], **more},
    }


def crashing(name: str = "web-7d9-x", **more: Any) -> dict[str, Any]:
    last = {"terminated": {"exitCode": 1, "reason": "Error", "message": "password=hunter2"}}
    return pod(name, {"reason": "CrashLoopBackOff", "message": "back-off 10s"}, **{"restarts": 3, "last": last, **more})


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 4},
    "status": {"observedGeneration": 4},
}


def replica_set(uid: str, hashed: str, revision: str) -> dict[str, Any]:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "uid": uid,
            "labels": {"pod-template-hash": hashed},
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"uid": "d-1", "controller": True}],
        },
    }


SETS = [replica_set("rs-2", "7d9", "10"), replica_set("rs-1", "5c4", "9")]


def test_a_crash_loop_is_told_with_exit_code_restarts_and_image() -> None:
    found = rollout_evidence(DEPLOYMENT, [crashing()], SETS)
    words = "container web of pod web-7d9-x crash-loops: exit code 1, 3 restarts; image registry/app:broken"
    assert found == Health(HealthStatus.DEGRADED, words, Proof.CRASHING)


def test_one_restart_is_no_crash_loop_yet() -> None:
    found = rollout_evidence(DEPLOYMENT, [crashing(restarts=1)], SETS)
    assert found is not None and (found.status, found.proof) == (HealthStatus.PROGRESSING, Proof.LIKELY)


def test_what_an_application_printed_at_its_end_is_not_repeated() -> None:
    found = trouble(crashing())
    assert found is not None
    assert "hunter2" not in repr(found)


def test_killed_for_want_of_memory_is_said() -> None:
    one = trouble(crashing(last={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}))
    assert one is not None
    assert "OOMKilled" in one.words


@pytest.mark.parametrize(
    ("reason", "status", "proof"),
    [
        ("InvalidImageName", HealthStatus.DEGRADED, Proof.CERTAIN),
        ("ImagePullBackOff", HealthStatus.PROGRESSING, Proof.LIKELY),
        ("ErrImagePull", HealthStatus.PROGRESSING, Proof.LIKELY),
        ("CreateContainerError", HealthStatus.PROGRESSING, Proof.LIKELY),
        ("CreateContainerConfigError", HealthStatus.PROGRESSING, Proof.CERTAIN),
    ],
)
def test_what_a_container_waits_for_says_how_sure_it_is(reason: str, status: HealthStatus, proof: Proof) -> None:
    one = trouble(pod("web-1", {"reason": reason, "message": 'secret "db" not found'}))
    assert one is not None
    assert reason in one.words
    assert 'secret "db" not found' in one.words
    assert "registry/app:broken" in one.words
    found = evidence([one])
    assert found is not None
    assert (found.status, found.proof) == (status, proof)
    assert found.troubled is (reason != "CreateContainerConfigError")


@pytest.mark.parametrize(
    "patient",
    [
        pod("creating", {"reason": "ContainerCreating"}),
        pod("initializing", {"reason": "PodInitializing"}),
        pod("first-crash", {"reason": "CrashLoopBackOff"}, restarts=0),
        pod("unschedulable", {}, conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]),
        pod("over", {"reason": "ImagePullBackOff"}, phase="Succeeded"),
        {**crashing(), "metadata": {**crashing()["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
    ids=lambda item: str(item["metadata"]["name"]),
)
def test_what_may_pass_proves_nothing(patient: dict[str, Any]) -> None:
    assert trouble(patient) is None
    assert rollout_evidence(DEPLOYMENT, [patient], SETS) is None


def test_an_init_container_counts() -> None:
    one = crashing()
    one["status"]["initContainerStatuses"] = one["status"].pop("containerStatuses")
    one["spec"] = {"initContainers": one["spec"]["containers"]}
    found = trouble(one)
    assert found is not None
    assert found.image == "registry/app:broken"


def test_pods_of_an_old_revision_prove_nothing_of_the_new_one() -> None:
    old = crashing("web-5c4-y", hash="5c4", owner="rs-1")
    assert rollout_evidence(DEPLOYMENT, [old], SETS) is None
    found = rollout_evidence(DEPLOYMENT, [old, crashing()], SETS)
    assert found is not None
    assert "web-7d9-x" in found.message


def test_pods_of_another_workload_prove_nothing() -> None:
    assert rollout_evidence(DEPLOYMENT, [crashing(owner="rs-of-another")], SETS) is None
    daemons = {"kind": "DaemonSet", "metadata": {"uid": "ds-1"}}
    assert rollout_evidence(daemons, [crashing()]) is None
    assert rollout_evidence(daemons, [crashing(owner="ds-1")]) is not None


def test_revisions_are_compared_as_numbers() -> None:
    assert newest(DEPLOYMENT, SETS) == newest(DEPLOYMENT, reversed(SETS))
    revision = newest(DEPLOYMENT, SETS)
    assert revision is not None
    assert revision.owner == "rs-2"


def test_nothing_is_proved_before_the_controller_has_seen_the_change() -> None:
    unseen = {**DEPLOYMENT, "status": {"observedGeneration": 3}}
    assert newest(unseen, SETS) is None
    assert rollout_evidence(unseen, [crashing()], SETS) is None
    assert rollout_evidence(DEPLOYMENT, [crashing()], []) is None


def test_a_stateful_set_says_its_newest_revision_itself() -> None:
    workload = {
        "kind": "StatefulSet",
        "metadata": {"uid": "s-1", "generation": 2},
        "status": {"observedGeneration": 2, "updateRevision": "db-2"},
    }

    def member(revision: str) -> dict[str, Any]:
        one = crashing(f"db-{revision}", owner="s-1")
        one["metadata"]["labels"] = {"controller-revision-hash": revision}
        return one

    assert rollout_evidence(workload, [member("db-1")]) is None
    assert rollout_evidence(workload, [member("db-2")]) is not None


def test_many_troubled_pods_are_counted_and_the_worst_is_named() -> None:
    troubles = [one for n in range(3) if (one := trouble(crashing(f"web-{n}", restarts=n + 1)))]
    found = evidence(troubles)
    assert found is not None
    assert "pod web-2 " in found.message
    assert "2 more pods" in found.message
    assert evidence(reversed(troubles)) == found
    assert evidence([]) is None


def test_an_explanation_has_verdict_troubles_and_the_latest_warnings() -> None:
    one = trouble(crashing())
    assert one is not None
    events = [
        {"type": "Normal", "reason": "Scheduled", "message": "assigned", "lastTimestamp": "2026-01-09T00:00:00Z"},
        {"type": "Warning", "reason": "BackOff", "message": "again", "lastTimestamp": "2026-01-02T00:00:00Z"},
        {"type": "Warning", "reason": "BackOff", "message": "again", "lastTimestamp": "2026-01-01T00:00:00Z"},
        {
            "type": "Warning",
            "reason": "Failed",
            "note": "later",
            "series": {"lastObservedTime": "2026-01-03T00:00:00Z"},
        },
    ]
    lines = explain({**DEPLOYMENT, "spec": {}}, [one], events).split("\n")
    assert lines[0].startswith("Progressing: ")
    assert lines[1:] == [one.words, "Failed: later", "BackOff: again"]


def test_a_healthy_object_is_not_explained_away_with_old_warnings() -> None:
    events = [{"type": "Warning", "reason": "Old", "message": "story"}]
    assert explain({"apiVersion": "v1", "kind": "ConfigMap"}, (), events) == "Healthy"
