"""Status of an object in the words of kstatus, which Flux waits by.

Flux's `wait` and `healthChecks` mean these rules, which are laxer than Argo CD's in places: an Ingress need not have an
address, and a suspended CronJob is current. They are the rules of cli-utils' kstatus, except for Jobs: Flux awaits
their end.
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from trueup.core.health.conditions import by_conditions
from trueup.core.health.decode import Fields, condition, described, entries, number, section, text
from trueup.core.health.status import Health, HealthStatus


class KStatus(StrEnum):
    """Where an object stands on the way to what its spec asks for."""

    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    CURRENT = "Current"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"


_HEALTH = {
    KStatus.IN_PROGRESS: HealthStatus.PROGRESSING,
    KStatus.FAILED: HealthStatus.DEGRADED,
    KStatus.CURRENT: HealthStatus.HEALTHY,
    KStatus.TERMINATING: HealthStatus.PROGRESSING,
    KStatus.NOT_FOUND: HealthStatus.MISSING,
    KStatus.UNKNOWN: HealthStatus.UNKNOWN,
}


class KResult(msgspec.Struct, frozen=True):
    """A kstatus and the words for it."""

    status: KStatus
    message: str = ""

    @property
    def health(self) -> Health:
        """The same as a verdict on health."""
        return Health(_HEALTH[self.status], self.message)


def _current(message: str) -> KResult:
    return KResult(KStatus.CURRENT, message)


def _in_progress(message: str) -> KResult:
    return KResult(KStatus.IN_PROGRESS, message)


def _failed(message: str) -> KResult:
    return KResult(KStatus.FAILED, message)


def _always(_: Fields) -> KResult:
    return _current("Resource is always ready")


def _deployment(obj: Fields) -> KResult:
    spec, status = section(obj, "spec"), section(obj, "status")
    progress = condition(status, "Progressing") or {}
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return _failed("Progress deadline exceeded")
    wanted, there = number(spec, "replicas", 1), number(status, "replicas")
    updated, available = number(status, "updatedReplicas"), number(status, "availableReplicas")
    ready = number(status, "readyReplicas")
    for short, words in (
        (there < wanted, f"Replicas: {there}/{wanted}"),
        (updated < wanted, f"Updated: {updated}/{wanted}"),
        (there > wanted, f"Pending termination: {there - wanted}"),
        (available < updated, f"Available: {available}/{updated}"),
        (ready < wanted, f"Ready: {ready}/{wanted}"),
    ):
        if short:
            return _in_progress(words)
    # Without a deadline (absent, or the largest 32-bit number) the controller reports no progress.
    timed = number(spec, "progressDeadlineSeconds", _NO_DEADLINE) != _NO_DEADLINE
    if timed and (progress.get("status"), progress.get("reason")) != ("True", "NewReplicaSetAvailable"):
        return _in_progress("ReplicaSet not Available")
    if (condition(status, "Available") or {}).get("status") != "True":
        return _in_progress("Deployment not Available")
    return _current(f"Deployment is available. Replicas: {there}")


_NO_DEADLINE = 2**31 - 1


def _replica_set(obj: Fields) -> KResult:
    spec, status = section(obj, "spec"), section(obj, "status")
    if (condition(status, "ReplicaFailure") or {}).get("status") == "True":
        return _in_progress("Replica Failure condition. Check Pods")
    wanted, there = number(spec, "replicas", 1), number(status, "replicas")
    for field, word in (
        ("fullyLabeledReplicas", "Labelled"),
        ("availableReplicas", "Available"),
        ("readyReplicas", "Ready"),
    ):
        if (count := number(status, field)) < wanted:
            return _in_progress(f"{word}: {count}/{wanted}")
    if there > wanted:
        return _in_progress(f"Pending termination: {there - wanted}")
    return _current(f"ReplicaSet is available. Replicas: {there}")


def _stateful_set(obj: Fields) -> KResult:
    spec, status = section(obj, "spec"), section(obj, "status")
    strategy = section(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return _current("StatefulSet is using the ondelete update strategy")
    wanted, there = number(spec, "replicas", 1), number(status, "replicas")
    if there < wanted:
        return _in_progress(f"Replicas: {there}/{wanted}")
    if (ready := number(status, "readyReplicas")) < wanted:
        return _in_progress(f"Ready: {ready}/{wanted}")
    if there > wanted:
        return _in_progress(f"Pending termination: {there - wanted}")
    partition = number(section(strategy, "rollingUpdate"), "partition", -1)
    updated = number(status, "updatedReplicas")
    if partition != -1:
        if updated < wanted - partition:
            return _in_progress(f"updated: {updated}/{wanted - partition}")
        return _current(f"Partition rollout complete. updated: {updated}")
    if (current := number(status, "currentReplicas")) < wanted:
        return _in_progress(f"current: {current}/{wanted}")
    if text(status, "currentRevision") != text(status, "updateRevision"):
        return _in_progress("Waiting for updated revision to match current")
    return _current(f"All replicas scheduled as expected. Replicas: {there}")


def _daemon_set(obj: Fields) -> KResult:
    status = section(obj, "status")
    if type(section(obj, "metadata").get("generation")) is not int:
        return _in_progress("DaemonSet metadata.generation not found")
    if type(status.get("observedGeneration")) is not int:
        return _in_progress("DaemonSet status.observedGeneration not found")
    wanted = number(status, "desiredNumberScheduled", -1)
    if wanted == -1:
        return _in_progress("Missing .status.desiredNumberScheduled")
    for field, word in (
        ("currentNumberScheduled", "Current"),
        ("updatedNumberScheduled", "Updated"),
        ("numberAvailable", "Available"),
        ("numberReady", "Ready"),
    ):
        if (count := number(status, field)) < wanted:
            return _in_progress(f"{word}: {count}/{wanted}")
    return _current(f"All replicas scheduled as expected. Replicas: {wanted}")


def _pod(obj: Fields) -> KResult:
    """A pod that has ended is current however it ended. (When it became unschedulable is left to who has a clock.)"""
    status = section(obj, "status")
    phase = text(status, "phase")
    if phase == "Succeeded":
        return _current("Pod has completed successfully")
    if phase == "Failed":
        return _current("Pod has completed, but not successfully")
    if phase == "Running":
        if (condition(status, "Ready") or {}).get("status") == "True":
            return _current("Pod is Ready")
        looping = [
            text(item, "name")
            for item in entries(status, "containerStatuses")
            if section(section(item, "state"), "waiting").get("reason") == "CrashLoopBackOff"
        ]
        if looping:
            return _failed(f"Containers in CrashLoop state: {','.join(looping)}")
        return _in_progress("Pod is running but is not Ready")
    if phase == "Pending":
        placed = condition(status, "PodScheduled") or {}
        if (placed.get("status"), placed.get("reason")) == ("False", "Unschedulable"):
            return _in_progress("Pod could not be scheduled")
        return _in_progress("Pod is in the Pending phase")
    return KResult(KStatus.UNKNOWN, f"unknown phase {phase}") if phase else _in_progress("Pod phase not available")


def _claim(obj: Fields) -> KResult:
    phase = text(section(obj, "status"), "phase", "unknown")
    return _current("PVC is Bound") if phase == "Bound" else _in_progress(f"PVC is not Bound. phase: {phase}")


def _service(obj: Fields) -> KResult:
    spec = section(obj, "spec")
    if spec.get("type") == "LoadBalancer" and not text(spec, "clusterIP"):
        return _in_progress("ClusterIP not set. Service type: LoadBalancer")
    return _current("Service is ready")


def _budget(_: Fields) -> KResult:
    return _current("AllowedDisruptions has been computed.")


def _job(obj: Fields) -> KResult:
    spec, status = section(obj, "spec"), section(obj, "status")
    wanted = number(spec, "completions", number(spec, "parallelism", 1))
    succeeded, failed, active = number(status, "succeeded"), number(status, "failed"), number(status, "active")
    for item in entries(status, "conditions"):
        if item.get("status") != "True":
            continue
        kind = item.get("type")
        if kind == "Complete":
            return _current(f"Job Completed. succeeded: {succeeded}/{wanted}")
        if kind == "Failed":
            return _failed(f"Job Failed. failed: {failed}/{wanted}")
        if kind == "Suspended":
            return _current("Job is suspended")
    if not text(status, "startTime"):
        return _in_progress("Job not started")
    return _in_progress(f"Job in progress. success: {succeeded}, active: {active}, failed: {failed}")


def _definition(obj: Fields) -> KResult:
    for item in entries(section(obj, "status"), "conditions"):
        kind, value = item.get("type"), item.get("status")
        if kind == "NamesAccepted" and value == "False":
            return _failed(described(item))
        if kind == "Established":
            if value == "False" and item.get("reason") != "Installing":
                return _failed(described(item))
            if value == "True":
                return _current("CRD is established")
    return _in_progress("Install in progress")


KSTATUS_RULES: dict[tuple[str, str], Callable[[Fields], KResult]] = {
    ("", "ConfigMap"): _always,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _always,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "CronJob"): _always,
    ("batch", "Job"): _job,
    ("policy", "PodDisruptionBudget"): _budget,
}
"""Kinds for which kstatus has rules beyond the standard conditions."""

_OF_CONDITIONS = {
    HealthStatus.PROGRESSING: KStatus.IN_PROGRESS,
    HealthStatus.DEGRADED: KStatus.FAILED,
    HealthStatus.HEALTHY: KStatus.CURRENT,
}


def kstatus(obj: Fields) -> KResult:
    """Give the status of one live object by kstatus' rules, whatever its shape."""
    if section(obj, "metadata").get("deletionTimestamp"):
        return KResult(KStatus.TERMINATING, "Resource scheduled for deletion")
    general = by_conditions(obj)
    group, slash, _ = text(obj, "apiVersion").rpartition("/")
    rule = KSTATUS_RULES.get((group if slash else "", text(obj, "kind")))
    if rule is None:
        return KResult(_OF_CONDITIONS[general.status], general.message or "Resource is current")
    if general.status is HealthStatus.DEGRADED or (general.status is HealthStatus.PROGRESSING and not _only_ready(obj)):
        return KResult(_OF_CONDITIONS[general.status], general.message)
    return rule(obj)


def _only_ready(obj: Fields) -> bool:
    """Say whether nothing but the condition `Ready` speaks: for kinds with a rule, the rule reads that."""
    metadata, status = section(obj, "metadata"), section(obj, "status")
    generation, observed = metadata.get("generation"), status.get("observedGeneration")
    if type(generation) is int and type(observed) is int and generation != observed:
        return False
    return (condition(status, "Reconciling") or {}).get("status") != "True"
