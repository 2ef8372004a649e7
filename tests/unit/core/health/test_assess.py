"""Each rule tells well from ill, with the words that say what is missing."""

from typing import Any

import pytest

from trueup.core.health import Health, HealthStatus, assess, worst

H, P, D, S, U = (
    HealthStatus.HEALTHY,
    HealthStatus.PROGRESSING,
    HealthStatus.DEGRADED,
    HealthStatus.SUSPENDED,
    HealthStatus.UNKNOWN,
)


def thing(
    api: str, kind: str, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None
) -> dict[str, Any]:
    obj: dict[str, Any] = {"apiVersion": api, "kind": kind, "metadata": {"name": "web", "generation": 2}}
    if spec is not None:
        obj["spec"] = spec
    if status is not None:
        obj["status"] = status
    return obj


def cond(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def up(**changes: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    return {**counts, **changes}


DEADLINE = [cond("Progressing", "False", "ProgressDeadlineExceeded")]
REFUSED = [cond("ReplicaFailure", "True", "FailedCreate", "exceeded quota: team")]


@pytest.mark.parametrize(
    ("spec", "status", "expected", "words"),
    [
        ({"replicas": 3}, up(), H, ""),
        ({"replicas": 3}, {}, P, "not observed"),
        ({"replicas": 3}, None, P, "not observed"),
        ({"replicas": 3}, up(observedGeneration=1), P, "not observed"),
        ({"replicas": 3}, up(updatedReplicas=1), P, "1 of 3 new replicas"),
        ({"replicas": 3}, up(updatedReplicas=0, conditions=REFUSED), P, "exceeded quota: team"),
        ({"replicas": 3}, up(replicas=5), P, "2 old replicas"),
        ({"replicas": 3}, up(availableReplicas=2), P, "2 of 3 updated replicas are available"),
        ({"replicas": 3}, up(availableReplicas=0, conditions=DEADLINE), D, "progress deadline"),
        ({"replicas": 3}, up(observedGeneration=1, conditions=DEADLINE), P, "not observed"),
        ({"replicas": 0}, {"observedGeneration": 2}, H, ""),
        ({}, {"observedGeneration": 2}, P, "0 of 1"),
        ({"replicas": 3, "paused": True}, up(availableReplicas=0), S, "paused"),
    ],
)
def test_deployment(spec: Any, status: Any, expected: HealthStatus, words: str) -> None:
    health = assess(thing("apps/v1", "Deployment", spec, status))
    assert health.status is expected
    assert words in health.message


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"replicas": 3}, up(), H),
        ({"replicas": 3}, up(observedGeneration=0), P),
        ({"replicas": 3}, up(readyReplicas=2), P),
        ({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 0}}}, up(updatedReplicas=2), P),
        ({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, up(updatedReplicas=2), H),
        ({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}, up(updatedReplicas=0), H),
        ({"replicas": 3}, up(currentRevision="a", updateRevision="b"), P),
        ({"replicas": 3}, up(currentRevision="a", updateRevision="a"), H),
    ],
)
def test_stateful_set(spec: Any, status: Any, expected: HealthStatus) -> None:
    assert assess(thing("apps/v1", "StatefulSet", spec, status)).status is expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {"observedGeneration": 1}, P),
        ({}, {"observedGeneration": 2}, H),
        ({}, {"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, P),
        (
            {},
            {"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
            P,
        ),
        (
            {},
            {"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2},
            H,
        ),
        ({"updateStrategy": {"type": "OnDelete"}}, {"observedGeneration": 2, "desiredNumberScheduled": 2}, H),
    ],
)
def test_daemon_set(spec: Any, status: Any, expected: HealthStatus) -> None:
    assert assess(thing("apps/v1", "DaemonSet", spec, status)).status is expected


def test_replica_set() -> None:
    assert assess(thing("apps/v1", "ReplicaSet", {"replicas": 3}, up())).status is H
    assert assess(thing("apps/v1", "ReplicaSet", {"replicas": 3}, up(availableReplicas=1))).status is P
    refused = assess(thing("apps/v1", "ReplicaSet", {"replicas": 3}, up(conditions=REFUSED)))
    assert refused == Health(D, "pods cannot be created: exceeded quota: team")


def container(state: dict[str, Any], last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": "app", "state": state, "lastState": last or {}}


PULL = container({"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a:b"'}})
CREATING = container({"waiting": {"reason": "ContainerCreating"}})
DIED = container({"terminated": {"exitCode": 3, "message": "token=hunter2"}})
READY = [cond("Ready", "True")]


@pytest.mark.parametrize(
    ("policy", "status", "expected", "words"),
    [
        ("Always", {"phase": "Running", "conditions": READY}, H, ""),
        ("Always", {"phase": "Running"}, P, "not ready"),
        (
            "Always",
            {"phase": "Running", "containerStatuses": [container({}, {"terminated": {"exitCode": 1}})]},
            D,
            "app",
        ),
        ("Always", {"phase": "Pending", "containerStatuses": [PULL]}, D, "Back-off pulling"),
        ("Always", {"phase": "Pending", "containerStatuses": [CREATING]}, P, ""),
        ("Never", {"phase": "Pending", "containerStatuses": [PULL]}, P, ""),
        ("Never", {"phase": "Running", "conditions": READY}, P, ""),
        ("Never", {"phase": "Succeeded"}, H, ""),
        ("Never", {"phase": "Failed", "containerStatuses": [DIED]}, D, "exit code 3"),
        ("Never", {"phase": "Failed", "message": "evicted: disk"}, D, "evicted: disk"),
        (
            "Always",
            {"phase": "Pending", "conditions": [cond("PodScheduled", "False", "Unschedulable", "0/1 nodes")]},
            P,
            "0/1",
        ),
        ("Always", {}, U, ""),
    ],
)
def test_pod(policy: str, status: Any, expected: HealthStatus, words: str) -> None:
    health = assess(thing("v1", "Pod", {"restartPolicy": policy}, status))
    assert health.status is expected
    assert words in health.message
    assert "hunter2" not in health.message


@pytest.mark.parametrize(
    ("spec", "conditions", "expected"),
    [
        ({}, [], P),
        ({}, [cond("Complete", "True")], H),
        ({}, [cond("Failed", "True", "BackoffLimitExceeded")], D),
        ({}, [cond("Suspended", "True")], S),
        ({}, [cond("Suspended", "False")], P),
        ({"suspend": True}, [], S),
    ],
)
def test_job(spec: Any, conditions: Any, expected: HealthStatus) -> None:
    assert assess(thing("batch/v1", "Job", spec, {"conditions": conditions})).status is expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"suspend": True}, {}, S),
        ({}, {}, H),
        ({}, {"lastScheduleTime": "2026-01-02T00:00:00Z"}, H),
        ({}, {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-02T00:01:00Z"}, H),
        ({}, {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z"}, D),
        (
            {},
            {"lastScheduleTime": "2026-01-02T00:00:00Z", "lastSuccessfulTime": "2026-01-01T00:01:00Z", "active": [{}]},
            H,
        ),
    ],
)
def test_cron_job(spec: Any, status: Any, expected: HealthStatus) -> None:
    assert assess(thing("batch/v1", "CronJob", spec, status)).status is expected


def test_services_and_ingresses_wait_for_an_address_only_where_they_get_one() -> None:
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    assert assess(thing("v1", "Service", {"type": "ClusterIP"}, {})).status is H
    assert assess(thing("v1", "Service", {"type": "LoadBalancer"}, {"loadBalancer": {}})).status is P
    assert assess(thing("v1", "Service", {"type": "LoadBalancer"}, address)).status is H
    assert assess(thing("networking.k8s.io/v1", "Ingress", {}, {"loadBalancer": {}})).status is P
    assert assess(thing("networking.k8s.io/v1", "Ingress", {}, address)).status is H


def test_a_claim_waits_for_its_volume_but_not_for_its_consumer() -> None:
    claim = thing("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"})
    assert assess(claim).status is H
    claim["metadata"]["annotations"] = {"volume.kubernetes.io/storage-provisioner": "disk.example.org"}
    assert assess(claim).status is P
    assert assess({**claim, "status": {"phase": "Bound"}}).status is H
    assert assess({**claim, "status": {"phase": "Lost"}}).status is D


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], P),
        ([cond("NamesAccepted", "True"), cond("Established", "False", "Installing")], P),
        ([cond("NamesAccepted", "True"), cond("Established", "True")], H),
        ([cond("NamesAccepted", "False", "PluralConflict", "taken")], D),
        ([cond("Established", "True"), cond("NonStructuralSchema", "True", "Violations", "x")], D),
        ([cond("Established", "True"), cond("Terminating", "True")], P),
    ],
)
def test_definitions(conditions: Any, expected: HealthStatus) -> None:
    obj = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {"conditions": conditions})
    assert assess(obj).status is expected


def test_an_aggregated_api_that_does_not_answer_progresses() -> None:
    kind = ("apiregistration.k8s.io/v1", "APIService")
    assert assess(thing(*kind, {}, {"conditions": [cond("Available", "True")]})).status is H
    down = assess(thing(*kind, {}, {"conditions": [cond("Available", "False", "MissingEndpoints", "no endpoints")]}))
    assert down == Health(P, "no endpoints")


def test_autoscalers_of_both_generations_of_the_api() -> None:
    new, old = ("autoscaling/v2", "HorizontalPodAutoscaler"), ("autoscaling/v1", "HorizontalPodAutoscaler")
    assert assess(thing(*new, {}, {"conditions": [cond("AbleToScale", "True")]})).status is H
    broken = [cond("AbleToScale", "True"), cond("ScalingActive", "False", "FailedGetResourceMetric", "no metrics")]
    assert assess(thing(*new, {}, {"conditions": broken})) == Health(H, "no metrics")
    assert assess(thing(*new, {}, {"conditions": broken[1:]})) == Health(D, "no metrics")
    unable = [cond("AbleToScale", "False", "FailedGetScale", "no such target"), cond("ScalingLimited", "True")]
    assert assess(thing(*new, {}, {"conditions": unable})) == Health(D, "no such target")
    assert assess(thing(*new, {}, {})).status is P
    annotated = thing(*old)
    annotated["metadata"]["annotations"] = {
        "autoscaling.alpha.kubernetes.io/conditions": '[{"type":"AbleToScale","status":"True"}]'
    }
    assert assess(annotated).status is H
    annotated["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/conditions"] = "[{"
    assert assess(annotated).status is U


def test_a_budget_that_allows_no_disruption_is_not_ill() -> None:
    kind = ("policy/v1", "PodDisruptionBudget")
    assert assess(thing(*kind, {}, {})).status is P
    short = [cond("DisruptionAllowed", "False", "InsufficientPods")]
    assert assess(thing(*kind, {}, {"conditions": short})).status is H
    broken = [cond("DisruptionAllowed", "False", "SyncFailed", "two controllers")]
    assert assess(thing(*kind, {}, {"conditions": broken})) == Health(D, "two controllers")


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"suspend": True}, {}, S),
        ({}, {}, P),
        ({}, {"observedGeneration": 1, "conditions": [cond("Ready", "True")]}, P),
        ({}, {"observedGeneration": 2, "conditions": [cond("Ready", "True")]}, H),
        ({}, {"conditions": [cond("Ready", "False", "BuildFailed", "no such file")]}, D),
        ({}, {"conditions": [cond("Ready", "False", "DependencyNotReady")]}, P),
        ({}, {"conditions": [cond("Ready", "Unknown", "Progressing")]}, P),
        ({}, {"conditions": [cond("Stalled", "True", "InvalidPath"), cond("Ready", "False")]}, D),
    ],
)
def test_flux_objects(spec: Any, status: Any, expected: HealthStatus) -> None:
    assert assess(thing("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec, status)).status is expected


def test_objects_of_flux_without_a_status_of_their_own_are_healthy() -> None:
    assert assess(thing("source.toolkit.fluxcd.io/v1", "HelmRepository", {"type": "oci"})).status is H
    assert assess(thing("notification.toolkit.fluxcd.io/v1beta3", "Provider", {})).status is H


def test_argo_objects_by_what_they_say_of_themselves() -> None:
    def app(status: dict[str, Any]) -> HealthStatus:
        return assess(thing("argoproj.io/v1alpha1", "Application", {}, status)).status

    assert app({}) is P
    assert app({"health": {"status": "Healthy"}}) is H
    assert app({"health": {"status": "Missing"}}) is HealthStatus.MISSING
    assert app({"health": {"status": "Healthy"}, "operationState": {"phase": "Running"}}) is P

    def sets(*conditions: Any) -> HealthStatus:
        return assess(thing("argoproj.io/v1alpha1", "ApplicationSet", {}, {"conditions": [*conditions]})).status

    assert sets() is H
    assert sets(cond("ResourcesUpToDate", "True")) is H
    assert sets(cond("ResourcesUpToDate", "True"), cond("RolloutProgressing", "True")) is P
    assert sets(cond("ResourcesUpToDate", "False")) is P
    assert sets(cond("ResourcesUpToDate", "True"), cond("ErrorOccurred", "True")) is D
    assert sets(cond("ErrorOccurred", "False")) is H


def rollout(status: dict[str, Any], spec: dict[str, Any] | None = None, **annotations: str) -> HealthStatus:
    body = thing("argoproj.io/v1alpha1", "Rollout", spec or {}, status)
    body["metadata"]["annotations"] = {
        f"rollout.argoproj.io/{key.replace('_', '-')}": annotations[key] for key in annotations
    }
    return assess(body).status


def test_a_rollout_by_its_phase() -> None:
    assert rollout({}) is P
    assert rollout({"phase": "Healthy", "observedGeneration": "2"}) is H
    assert rollout({"phase": "Healthy", "observedGeneration": "1"}) is P
    assert rollout({"phase": "Healthy", "observedGeneration": "5f6d7c8b"}) is H, "a digest tells nothing"
    assert rollout({"phase": "Healthy", "observedGeneration": "75847563"}) is H, "nor one of digits alone"
    assert rollout({"phase": "Paused"}) is S
    assert rollout({"phase": "Degraded"}) is D
    assert rollout({"phase": "Healthy", "conditions": [cond("InvalidSpec", "True", "", "bad")]}) is D


def test_a_rollout_that_refers_to_a_workload_has_seen_its_present_spec() -> None:
    reference = {"workloadRef": {"kind": "Deployment", "name": "web"}}
    seen = {"phase": "Healthy", "workloadObservedGeneration": "3"}
    assert rollout(seen, reference, workload_generation="3") is H
    assert rollout(seen, reference, workload_generation="4") is P
    assert rollout(seen, None, workload_generation="4") is H
    assert rollout({"phase": "Healthy"}, reference, workload_generation="4") is H


@pytest.mark.parametrize(
    ("status", "strategy", "expected"),
    [
        ({"conditions": [cond("Progressing", "False", "RolloutAborted")]}, {}, D),
        ({"conditions": [cond("Progressing", "False", "ProgressDeadlineExceeded")]}, {}, D),
        ({"pauseConditions": [{"reason": "CanaryPauseStep"}]}, {}, S),
        ({"replicas": 1}, {}, P),
        ({"currentPodHash": "a", "updatedReplicas": 0}, {}, P),
        ({"currentPodHash": "a", "updatedReplicas": 1, "availableReplicas": 0}, {}, P),
        ({"currentPodHash": "a", "blueGreen": {"activeSelector": "b"}}, {"blueGreen": {}}, P),
        ({"currentPodHash": "a", "blueGreen": {"activeSelector": "a"}, "stableRS": "b"}, {"blueGreen": {}}, P),
        ({"currentPodHash": "a", "blueGreen": {"activeSelector": "a"}, "stableRS": "a"}, {"blueGreen": {}}, H),
        ({"currentPodHash": "a", "stableRS": "b"}, {"canary": {}}, P),
        ({"currentPodHash": "a", "stableRS": "a", "replicas": 2}, {"canary": {}}, P),
        ({"currentPodHash": "a", "canary": {"stableRS": "a"}}, {"canary": {}}, H),
    ],
)
def test_a_rollout_without_a_phase_by_its_replicas(status: Any, strategy: Any, expected: HealthStatus) -> None:
    ready = {"updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}
    assert rollout({**ready, **status}, {"strategy": strategy}) is expected
    assert rollout({**ready, **status}, {"strategy": strategy, "paused": True}) in (S, D)


def test_a_sealed_secret_that_cannot_be_opened_is_degraded() -> None:
    kind = ("bitnami.com/v1alpha1", "SealedSecret")
    failed = {"conditions": [cond("Synced", "False", "", "no key could decrypt secret")]}
    assert assess(thing(*kind, {}, failed)) == Health(D, "no key could decrypt secret")
    assert assess(thing(*kind, {}, {"conditions": [cond("Synced", "True")]})).status is H
    assert assess(thing(*kind, {}, {})).status is P, "nobody has opened it yet"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, H),
        ({}, H),
        ({"observedGeneration": 1}, P),
        ({"observedGeneration": 2}, H),
        ({"conditions": [cond("Ready", "True")]}, H),
        ({"conditions": [cond("Ready", "False", "Waiting", "for a volume")]}, P),
        ({"conditions": [cond("Ready", "Unknown")]}, P),
        ({"conditions": [cond("Ready", "True"), cond("Reconciling", "True")]}, P),
        ({"conditions": [cond("Ready", "False"), cond("Stalled", "True", "Invalid")]}, D),
        ({"conditions": [cond("Stalled", "False"), cond("Ready", "True")]}, H),
        ({"observedGeneration": 1, "conditions": [cond("Ready", "True")]}, P),
        ({"conditions": "nonsense"}, H),
    ],
)
def test_any_other_kind_by_its_conditions(status: Any, expected: HealthStatus) -> None:
    assert assess(thing("example.org/v1", "Widget", {}, status)).status is expected


def test_the_worst_of_several_verdicts_counts() -> None:
    assert worst([]) == Health(H)
    assert worst([Health(P), Health(D, "why"), Health(S)]) == Health(D, "why")
    assert worst([Health(D), Health(U)]).status is U
