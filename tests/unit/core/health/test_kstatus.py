"""kstatus' words, where they say another thing than Argo CD's rules, and for each kind with a rule."""

from typing import Any

import pytest

from trueup.core.health import HealthStatus, KStatus, assess, kstatus
from trueup.core.health.kstatus import KSTATUS_RULES

CURRENT, BUSY, FAILED = KStatus.CURRENT, KStatus.IN_PROGRESS, KStatus.FAILED
READY = [{"type": "Ready", "status": "True"}]
AVAILABLE = {"type": "Available", "status": "True"}
NEW = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
COUNTS = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1, "fullyLabeledReplicas": 1}


def test_each_kind_with_a_rule_has_an_example_here() -> None:
    assert {(api.rpartition("/")[0], kind) for api, kind, *_ in EXAMPLES} >= set(KSTATUS_RULES)


EXAMPLES: list[tuple[str, str, dict[str, Any], dict[str, Any], KStatus]] = [
    ("v1", "ConfigMap", {}, {}, CURRENT),
    ("v1", "Secret", {}, {}, CURRENT),
    ("v1", "PersistentVolumeClaim", {}, {"phase": "Pending"}, BUSY),
    ("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}, CURRENT),
    ("v1", "Service", {"type": "LoadBalancer"}, {}, BUSY),
    ("v1", "Service", {"type": "LoadBalancer", "clusterIP": "192.0.2.1"}, {}, CURRENT),
    ("v1", "Pod", {}, {}, BUSY),
    ("v1", "Pod", {}, {"phase": "Running", "conditions": READY}, CURRENT),
    ("v1", "Pod", {}, {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}, BUSY),
    ("v1", "Pod", {}, {"phase": "Failed"}, CURRENT),
    ("v1", "Pod", {}, {"phase": "Martian"}, KStatus.UNKNOWN),
    (
        "v1",
        "Pod",
        {},
        {
            "phase": "Running",
            "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
        },
        FAILED,
    ),
    ("apps/v1", "Deployment", {}, {}, BUSY),
    ("apps/v1", "Deployment", {}, {**COUNTS, "conditions": [AVAILABLE]}, CURRENT),
    ("apps/v1", "Deployment", {"progressDeadlineSeconds": 600}, {**COUNTS, "conditions": [AVAILABLE]}, BUSY),
    ("apps/v1", "Deployment", {"progressDeadlineSeconds": 600}, {**COUNTS, "conditions": [AVAILABLE, NEW]}, CURRENT),
    ("apps/v1", "Deployment", {}, {**COUNTS}, BUSY),
    ("apps/v1", "Deployment", {}, {**COUNTS, "replicas": 2, "conditions": [AVAILABLE]}, BUSY),
    (
        "apps/v1",
        "Deployment",
        {},
        {**COUNTS, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]},
        FAILED,
    ),
    ("apps/v1", "ReplicaSet", {}, COUNTS, CURRENT),
    ("apps/v1", "ReplicaSet", {"replicas": 2}, COUNTS, BUSY),
    ("apps/v1", "ReplicaSet", {}, {**COUNTS, "conditions": [{"type": "ReplicaFailure", "status": "True"}]}, BUSY),
    ("apps/v1", "StatefulSet", {}, {**COUNTS, "currentReplicas": 1}, CURRENT),
    ("apps/v1", "StatefulSet", {"replicas": 2}, {**COUNTS, "currentReplicas": 1}, BUSY),
    ("apps/v1", "StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, {}, CURRENT),
    ("apps/v1", "StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 0}}}, COUNTS, CURRENT),
    (
        "apps/v1",
        "StatefulSet",
        {"updateStrategy": {"rollingUpdate": {"partition": 0}}},
        {**COUNTS, "updatedReplicas": 0},
        BUSY,
    ),
    ("apps/v1", "DaemonSet", {}, {}, BUSY),
    ("apps/v1", "DaemonSet", {}, {"observedGeneration": 1}, BUSY),
    ("apps/v1", "DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 0}, CURRENT),
    ("apps/v1", "DaemonSet", {}, {"observedGeneration": 1, "desiredNumberScheduled": 1}, BUSY),
    ("batch/v1", "CronJob", {"suspend": True}, {}, CURRENT),
    ("batch/v1", "Job", {}, {}, BUSY),
    ("batch/v1", "Job", {}, {"startTime": "2026-01-01T00:00:00Z", "active": 1}, BUSY),
    ("batch/v1", "Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, CURRENT),
    ("batch/v1", "Job", {}, {"conditions": [{"type": "Failed", "status": "True"}]}, FAILED),
    ("batch/v1", "Job", {}, {"conditions": [{"type": "Suspended", "status": "True"}]}, CURRENT),
    ("policy/v1", "PodDisruptionBudget", {}, {"observedGeneration": 1}, CURRENT),
    ("policy/v1", "PodDisruptionBudget", {}, {"observedGeneration": 0}, BUSY),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}, BUSY),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {},
        {"conditions": [{"type": "Established", "status": "True"}]},
        CURRENT,
    ),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        {},
        {"conditions": [{"type": "NamesAccepted", "status": "False"}]},
        FAILED,
    ),
    ("networking.k8s.io/v1", "Ingress", {}, {"loadBalancer": {}}, CURRENT),
    ("example.org/v1", "Widget", {}, {"conditions": [{"type": "Ready", "status": "False"}]}, BUSY),
    ("example.org/v1", "Widget", {}, {"conditions": [{"type": "Stalled", "status": "True"}]}, FAILED),
    ("example.org/v1", "Widget", {}, {"conditions": READY}, CURRENT),
    ("example.org/v1", "Widget", {}, {}, CURRENT),
]


@pytest.mark.parametrize(("api", "kind", "spec", "status", "expected"), EXAMPLES)
def test_each_rule(api: str, kind: str, spec: dict[str, Any], status: dict[str, Any], expected: KStatus) -> None:
    obj = {"apiVersion": api, "kind": kind, "metadata": {"generation": 1}, "spec": spec, "status": status}
    result = kstatus(obj)
    assert result.status is expected
    assert result.message or expected is not CURRENT


@pytest.mark.parametrize("kind", ["Deployment", "Widget"])
def test_an_unobserved_generation_is_in_progress_before_any_rule_speaks(kind: str) -> None:
    group = "apps/v1" if kind == "Deployment" else "example.org/v1"
    status = {**COUNTS, "observedGeneration": 1, "conditions": [AVAILABLE, *READY]}
    obj = {"apiVersion": group, "kind": kind, "metadata": {"generation": 2}, "status": status}
    assert kstatus(obj).message == f"{kind} generation is 2, but latest observed generation is 1"
    assert kstatus(obj).status is BUSY


def test_deletion_comes_before_everything() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert kstatus(obj).status is KStatus.TERMINATING
    assert kstatus(obj).health.status is HealthStatus.PROGRESSING


def test_flux_does_not_wait_for_the_address_that_argo_cd_waits_for() -> None:
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}}
    assert kstatus(ingress).health.status is HealthStatus.HEALTHY
    assert assess(ingress).status is HealthStatus.PROGRESSING
