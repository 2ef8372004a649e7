"""Health of what delivers: the objects of Flux and of Argo CD, phases of the Argo projects, and sealed secrets.

A unit that delivers other units waits for them by these rules.
"""

from __future__ import annotations

from trueup.core.health.conditions import stale_generation
from trueup.core.health.decode import Fields, condition, described, section, text
from trueup.core.health.status import Health, HealthStatus

_WAITING_REASONS = frozenset({"DependencyNotReady", "Progressing", "ProgressingWithRetry", "ArtifactFailed"})


def flux(obj: Fields) -> Health:
    """Judge an object of Flux: suspended, or what its conditions `Ready`, `Reconciling` and `Stalled` say.

    `Ready` False is a failure, though Flux tries again; one that waits for a dependency or its source progresses.
    """
    if section(obj, "spec").get("suspend") is True:
        return Health(HealthStatus.SUSPENDED, "it is suspended")
    if stale := stale_generation(obj):
        return Health(HealthStatus.PROGRESSING, stale)
    status = section(obj, "status")
    stalled = condition(status, "Stalled")
    if stalled is not None and stalled.get("status") == "True":
        return Health(HealthStatus.DEGRADED, described(stalled))
    ready = condition(status, "Ready")
    if ready is None:
        # A HelmRepository of type oci and other static objects have no status at all.
        static = text(obj, "kind") in _STATIC_KINDS or section(obj, "spec").get("type") == "oci"
        return Health(HealthStatus.HEALTHY) if static else Health(HealthStatus.PROGRESSING, "it has no status yet")
    if ready.get("status") == "True":
        return Health(HealthStatus.HEALTHY, described(ready))
    reason = text(ready, "reason")
    reconciling = condition(status, "Reconciling")
    busy = reconciling is not None and reconciling.get("status") == "True"
    if ready.get("status") != "False" or reason in _WAITING_REASONS or (busy and reason == "Reconciling"):
        return Health(HealthStatus.PROGRESSING, described(ready))
    return Health(HealthStatus.DEGRADED, described(ready))


_STATIC_KINDS = frozenset({"Provider", "Alert"})

_APPLICATION = {str(status): status for status in HealthStatus}


def argo_application(obj: Fields) -> Health:
    """Judge an Argo CD Application by the health it shows; while an operation runs it progresses."""
    status = section(obj, "status")
    if section(status, "operationState").get("phase") == "Running" or "operation" in obj:
        return Health(HealthStatus.PROGRESSING, "a sync is running")
    shown = section(status, "health")
    known = _APPLICATION.get(text(shown, "status"))
    return Health(known or HealthStatus.PROGRESSING, text(shown, "message"))


def argo_application_set(obj: Fields) -> Health:
    """Judge an ApplicationSet by its conditions."""
    status = section(obj, "status")
    for kind, health in (("ErrorOccurred", HealthStatus.DEGRADED), ("RolloutProgressing", HealthStatus.PROGRESSING)):
        found = condition(status, kind)
        if found is not None and found.get("status") == "True":
            return Health(health, described(found))
    current = condition(status, "ResourcesUpToDate")
    if current is None:
        # Its controller writes no such condition before its first round, and its older versions never.
        return Health(HealthStatus.HEALTHY)
    good = current.get("status") == "True"
    return Health(HealthStatus.HEALTHY if good else HealthStatus.PROGRESSING, described(current))


_PHASES = {
    "Healthy": HealthStatus.HEALTHY,
    "Succeeded": HealthStatus.HEALTHY,
    "Successful": HealthStatus.HEALTHY,
    "Paused": HealthStatus.SUSPENDED,
    "Degraded": HealthStatus.DEGRADED,
    "Failed": HealthStatus.DEGRADED,
    "Error": HealthStatus.DEGRADED,
    "Inconclusive": HealthStatus.UNKNOWN,
}


def argo_phase(obj: Fields) -> Health:
    """Judge a Workflow, AnalysisRun or Experiment by its phase."""
    status = section(obj, "status")
    return Health(_PHASES.get(text(status, "phase"), HealthStatus.PROGRESSING), text(status, "message"))


def sealed_secret(obj: Fields) -> Health:
    """Judge a SealedSecret: whether its controller could open it."""
    if stale := stale_generation(obj):
        return Health(HealthStatus.PROGRESSING, stale)
    synced = condition(section(obj, "status"), "Synced")
    if synced is None or synced.get("status") not in ("True", "False"):
        return Health(HealthStatus.PROGRESSING, "it is not opened yet")
    good = synced.get("status") == "True"
    return Health(HealthStatus.HEALTHY if good else HealthStatus.DEGRADED, "" if good else described(synced))
