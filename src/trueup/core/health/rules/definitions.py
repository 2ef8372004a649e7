"""Health of what others are defined by or live in: CustomResourceDefinition, APIService, Namespace."""

from __future__ import annotations

from trueup.core.health.decode import Fields, condition, described, section, text
from trueup.core.health.status import Health, HealthStatus


def resource_definition(obj: Fields) -> Health:
    """Judge a CustomResourceDefinition: healthy once the API server serves it.

    While it is being installed it progresses (kstatus; Argo CD calls that degraded).
    """
    status = section(obj, "status")

    def found(kind: str, value: str) -> Fields | None:
        item = condition(status, kind)
        return item if item is not None and item.get("status") == value else None

    if (item := found("Terminating", "True")) is not None:
        return Health(HealthStatus.PROGRESSING, f"it is being removed: {described(item)}")
    if (item := found("NamesAccepted", "False")) is not None:
        return Health(HealthStatus.DEGRADED, f"its names are not accepted: {described(item)}")
    if found("Established", "True") is None:
        item = found("Established", "False")
        if item is None or item.get("reason") == "Installing":
            return Health(HealthStatus.PROGRESSING, "it is not established yet")
        return Health(HealthStatus.DEGRADED, f"it is not established: {described(item)}")
    if (item := found("NonStructuralSchema", "True")) is not None:
        return Health(HealthStatus.DEGRADED, f"its schema is not structural: {described(item)}")
    return Health(HealthStatus.HEALTHY)


def api_service(obj: Fields) -> Health:
    """Judge an APIService: healthy while the server behind it answers."""
    available = condition(section(obj, "status"), "Available")
    if available is None:
        return Health(HealthStatus.PROGRESSING, "it is not processed yet")
    good = available.get("status") == "True"
    return Health(HealthStatus.HEALTHY if good else HealthStatus.PROGRESSING, described(available))


def namespace(obj: Fields) -> Health:
    """Judge a Namespace: progressing while it goes away, and then saying what holds it up."""
    status = section(obj, "status")
    if text(status, "phase") != "Terminating":
        return Health(HealthStatus.HEALTHY)
    for kind in ("NamespaceDeletionDiscoveryFailure", "NamespaceContentRemaining", "NamespaceFinalizersRemaining"):
        item = condition(status, kind)
        if item is not None and item.get("status") == "True":
            return Health(HealthStatus.PROGRESSING, f"it is being removed: {described(item)}")
    return Health(HealthStatus.PROGRESSING, "it is being removed")
