"""Health of work that ends: Job and CronJob."""

from __future__ import annotations

from trueup.core.health.decode import Fields, described, entries, section, text
from trueup.core.health.status import Health, HealthStatus


def job(obj: Fields) -> Health:
    """Judge a Job by its conditions: `Failed` is degraded, `Complete` healthy, anything else still at work."""
    suspended = False
    complete: Health | None = None
    for item in entries(section(obj, "status"), "conditions"):
        if item.get("status") != "True":
            continue
        kind = item.get("type")
        if kind == "Failed":
            return Health(HealthStatus.DEGRADED, described(item))
        if kind == "Complete":
            complete = Health(HealthStatus.HEALTHY, text(item, "message"))
        elif kind == "Suspended":
            suspended = True
    if complete is not None:
        return complete
    if suspended or section(obj, "spec").get("suspend") is True:
        return Health(HealthStatus.SUSPENDED, "it is suspended")
    return Health(HealthStatus.PROGRESSING, "it has not ended yet")


def cron_job(obj: Fields) -> Health:
    """Judge a CronJob: degraded when its last run ended without success.

    Where that cannot be told (it never ran, never succeeded yet, runs at the moment) it counts as healthy. Times are
    RFC 3339 in UTC with whole seconds, so that their order is that of their text.
    """
    if section(obj, "spec").get("suspend") is True:
        return Health(HealthStatus.SUSPENDED, "it is suspended")
    status = section(obj, "status")
    scheduled, succeeded = text(status, "lastScheduleTime"), text(status, "lastSuccessfulTime")
    if not scheduled:
        return Health(HealthStatus.HEALTHY, "it was not scheduled yet")
    if not succeeded:
        return Health(HealthStatus.HEALTHY, "it has not succeeded yet")
    if entries(status, "active"):
        return Health(HealthStatus.HEALTHY, "it runs")
    if succeeded < scheduled:
        return Health(HealthStatus.DEGRADED, f"its last run, of {scheduled}, did not succeed")
    return Health(HealthStatus.HEALTHY)
