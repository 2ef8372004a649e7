"""Health of what runs pods for ever: Deployment, ReplicaSet, StatefulSet, DaemonSet.

The rules are those of `kubectl rollout status`, which Argo CD follows too.
"""

from __future__ import annotations

from trueup.core.health.decode import Fields, condition, described, number, section, text, unobserved
from trueup.core.health.status import Health, HealthStatus

_HEALTHY = Health(HealthStatus.HEALTHY)


def _waits(message: str) -> Health:
    return Health(HealthStatus.PROGRESSING, message)


def _refused(status: Fields) -> str:
    """Say why the controller cannot create pods (a quota, an admission webhook), where it cannot."""
    failure = condition(status, "ReplicaFailure")
    if failure is not None and failure.get("status") == "True":
        return f"; pods cannot be created: {described(failure)}"
    return ""


def deployment(obj: Fields) -> Health:
    """Judge a Deployment: past its progress deadline it is degraded, until all replicas are new and up it progresses.

    The deadline is the Deployment controller's own verdict, `Progressing` with reason `ProgressDeadlineExceeded`.
    """
    spec, status = section(obj, "spec"), section(obj, "status")
    if spec.get("paused") is True:
        return Health(HealthStatus.SUSPENDED, "it is paused")
    if unobserved(obj):
        return _waits("its new spec is not observed yet")
    progress = condition(status, "Progressing")
    if progress is not None and progress.get("reason") == "ProgressDeadlineExceeded":
        return Health(HealthStatus.DEGRADED, "it exceeded its progress deadline" + _refused(status))
    wanted, updated = number(spec, "replicas", 1), number(status, "updatedReplicas")
    if updated < wanted:
        return _waits(f"{updated} of {wanted} new replicas are created" + _refused(status))
    if (old := number(status, "replicas") - updated) > 0:
        return _waits(f"{old} old replicas are still there")
    if (available := number(status, "availableReplicas")) < updated:
        return _waits(f"{available} of {updated} updated replicas are available")
    return _HEALTHY


def replica_set(obj: Fields) -> Health:
    """Judge a ReplicaSet: degraded where it cannot create pods, progressing until all of them are available."""
    spec, status = section(obj, "spec"), section(obj, "status")
    if unobserved(obj):
        return _waits("its new spec is not observed yet")
    failure = condition(status, "ReplicaFailure")
    if failure is not None and failure.get("status") == "True":
        return Health(HealthStatus.DEGRADED, f"pods cannot be created: {described(failure)}")
    wanted, available = number(spec, "replicas", 1), number(status, "availableReplicas")
    if available < wanted:
        return _waits(f"{available} of {wanted} replicas are available")
    return _HEALTHY


def stateful_set(obj: Fields) -> Health:
    """Judge a StatefulSet: its pods ready, and those above the partition at the new revision.

    Its controller never gives up, so it is never degraded by itself; the evidence of its pods says so (`troubles`).
    """
    spec, status = section(obj, "spec"), section(obj, "status")
    if number(status, "observedGeneration") == 0 or unobserved(obj):
        return _waits("its new spec is not observed yet")
    wanted, ready = number(spec, "replicas", 1), number(status, "readyReplicas")
    if ready < wanted:
        return _waits(f"{ready} of {wanted} pods are ready")
    strategy = section(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return _HEALTHY
    rolling, updated = strategy.get("rollingUpdate"), number(status, "updatedReplicas")
    if isinstance(rolling, dict):
        due = wanted - number(rolling, "partition")
        return _waits(f"{updated} of {due} pods are updated") if updated < due else _HEALTHY
    if text(status, "updateRevision") != text(status, "currentRevision"):
        return _waits(f"{updated} of {wanted} pods are updated")
    return _HEALTHY


def daemon_set(obj: Fields) -> Health:
    """Judge a DaemonSet: its pods updated and available on every node that should have one."""
    spec, status = section(obj, "spec"), section(obj, "status")
    if unobserved(obj):
        return _waits("its new spec is not observed yet")
    if section(spec, "updateStrategy").get("type") == "OnDelete":
        return _HEALTHY
    wanted = number(status, "desiredNumberScheduled")
    if (updated := number(status, "updatedNumberScheduled")) < wanted:
        return _waits(f"{updated} of {wanted} pods are updated")
    if (available := number(status, "numberAvailable")) < wanted:
        return _waits(f"{available} of {wanted} updated pods are available")
    return _HEALTHY
