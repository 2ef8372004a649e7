"""Health of a Rollout (Argo Rollouts), as Argo CD judges it."""

from __future__ import annotations

from trueup.core.health.decode import Fields, condition, described, entries, number, section, text
from trueup.core.health.rules.gitops import argo_phase
from trueup.core.health.status import Health, HealthStatus

_WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
_GIVEN_UP = frozenset({"RolloutAborted", "ProgressDeadlineExceeded"})


def argo_rollout(obj: Fields) -> Health:
    """Judge a Rollout by its phase, and where it has none (versions before 1.0) by its replicas.

    Its `observedGeneration` is a number written as text; before version 0.10 it is a digest, which tells nothing.
    """
    status = section(obj, "status")
    conditions = entries(status, "conditions")
    if not _observed(obj):
        return _waits("its new spec is not observed yet")
    for item in conditions:
        if item.get("type") == "InvalidSpec":
            return Health(HealthStatus.DEGRADED, described(item))
    if text(status, "phase"):
        return argo_phase(obj)
    progress = condition(status, "Progressing") or {}
    if progress.get("reason") in _GIVEN_UP:
        return Health(HealthStatus.DEGRADED, described(progress))
    if entries(status, "pauseConditions") or section(obj, "spec").get("paused") is True:
        return Health(HealthStatus.SUSPENDED, "it is paused")
    return _by_replicas(obj)


def _waits(message: str) -> Health:
    return Health(HealthStatus.PROGRESSING, message)


def _observed(obj: Fields) -> bool:
    """Say whether its controller has seen the present spec, and that of the workload it refers to."""
    metadata, spec, status = section(obj, "metadata"), section(obj, "spec"), section(obj, "status")
    if not status:
        return False
    generation, observed = metadata.get("generation"), _counted(text(status, "observedGeneration"))
    if type(generation) is int and observed is not None and observed < generation:
        return False
    if not section(spec, "workloadRef"):
        return True
    wanted = _counted(text(section(metadata, "annotations"), _WORKLOAD_GENERATION))
    seen = _counted(text(status, "workloadObservedGeneration"))
    return wanted is None or seen is None or wanted == seen


def _counted(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None


def _by_replicas(obj: Fields) -> Health:
    spec, status = section(obj, "spec"), section(obj, "status")
    current, strategy = text(status, "currentPodHash"), section(spec, "strategy")
    stable = text(status, "stableRS") or text(section(status, "canary"), "stableRS")
    wanted, updated = number(spec, "replicas", 1), number(status, "updatedReplicas")
    available = number(status, "availableReplicas")
    if not current:
        return _waits("it has no status yet")
    if updated < wanted:
        return _waits(f"{updated} of {wanted} new replicas are created")
    if available < updated:
        return _waits(f"{available} of {updated} updated replicas are available")
    if "blueGreen" in strategy:
        if text(section(status, "blueGreen"), "activeSelector") != current:
            return _waits("its active service is not switched yet")
        return Health(HealthStatus.HEALTHY) if stable in ("", current) else _waits("its analysis is not complete")
    if "canary" in strategy:
        if (old := number(status, "replicas") - updated) > 0:
            return _waits(f"{old} old replicas are still there")
        if stable != current:
            return _waits("its steps are not finished")
    return Health(HealthStatus.HEALTHY)
