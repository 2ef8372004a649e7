"""Health of a kind that has no rule of its own, by the conventions for conditions that kstatus defines.

In this order: an unobserved generation and `Reconciling` are progress, `Stalled` is failure, `Ready` decides where it
is there, and an object that says nothing of itself counts as healthy.
https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from trueup.core.health.decode import Fields, described, entries, section, text
from trueup.core.health.status import Health, HealthStatus

HEALTHY = Health(HealthStatus.HEALTHY)


def stale_generation(obj: Fields) -> str:
    """Say in words that the status is not of this generation; empty when it is, or when that cannot be told."""
    generation = section(obj, "metadata").get("generation")
    observed = section(obj, "status").get("observedGeneration")
    if type(generation) is int and type(observed) is int and generation != observed:
        kind = text(obj, "kind")
        return f"{kind} generation is {generation}, but latest observed generation is {observed}"
    return ""


def by_conditions(obj: Fields) -> Health:
    """Judge an object of any kind by its standard conditions."""
    if stale := stale_generation(obj):
        return Health(HealthStatus.PROGRESSING, stale)
    ready = None
    for item in entries(section(obj, "status"), "conditions"):
        kind = item.get("type")
        if kind == "Ready":
            ready = item
        elif item.get("status") == "True":
            if kind == "Reconciling":
                return Health(HealthStatus.PROGRESSING, described(item))
            if kind == "Stalled":
                return Health(HealthStatus.DEGRADED, described(item))
    if ready is None:
        return HEALTHY
    if ready.get("status") == "True":
        return Health(HealthStatus.HEALTHY, text(ready, "message"))
    return Health(HealthStatus.PROGRESSING, described(ready))
