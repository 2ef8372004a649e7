"""Health of one Pod, as Argo CD reads it.

What a container wrote when it ended is not repeated, because applications print secrets; its exit code and reason are.
"""

from __future__ import annotations

from trueup.core.health.decode import Fields, condition, entries, number, section, text
from trueup.core.health.status import Health, HealthStatus


def pod(obj: Fields) -> Health:
    """Judge a Pod.

    One that restarts for ever is healthy when it is ready and degraded when a container fails to start; one with an end
    (`restartPolicy` other than `Always`) progresses until it has ended, whatever its containers wait for meanwhile.
    """
    spec, status = section(obj, "spec"), section(obj, "status")
    phase, message = text(status, "phase"), text(status, "message")
    lasting = text(spec, "restartPolicy", "Always") == "Always"
    containers = entries(status, "containerStatuses")
    if lasting:
        waiting = [words for item in containers if (words := _cannot_start(item))]
        if waiting:
            return Health(HealthStatus.DEGRADED, ", ".join(waiting))
    if phase == "Succeeded":
        return Health(HealthStatus.HEALTHY, message)
    if phase == "Failed":
        ended = [words for item in (*entries(status, "initContainerStatuses"), *containers) if (words := _failed(item))]
        return Health(HealthStatus.DEGRADED, message or next(iter(ended), text(status, "reason")))
    if phase == "Pending":
        return Health(HealthStatus.PROGRESSING, message or _not_scheduled(status))
    if phase != "Running":
        return Health(HealthStatus.UNKNOWN, message)
    if not lasting:
        return Health(HealthStatus.PROGRESSING, message)
    ready = condition(status, "Ready")
    if ready is not None and ready.get("status") == "True":
        return Health(HealthStatus.HEALTHY, message)
    for item in containers:
        if section(item, "lastState").get("terminated"):
            return Health(
                HealthStatus.DEGRADED, message or f"container {text(item, 'name')!r} is not ready and restarted"
            )
    return Health(HealthStatus.PROGRESSING, message or "it is not ready yet")


def _cannot_start(container: Fields) -> str:
    """Say why a container waits in vain: an error, or a pause after errors."""
    waiting = section(section(container, "state"), "waiting")
    reason = text(waiting, "reason")
    if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
        return text(waiting, "message") or f"container {text(container, 'name')!r}: {reason}"
    return ""


def _failed(container: Fields) -> str:
    """Say how a container ended badly."""
    ended = section(section(container, "state"), "terminated")
    if ended.get("reason") == "OOMKilled":
        return f"container {text(container, 'name')!r} was killed for want of memory (OOMKilled)"
    if code := number(ended, "exitCode"):
        return f"container {text(container, 'name')!r} failed with exit code {code}"
    return ""


def _not_scheduled(status: Fields) -> str:
    placed = condition(status, "PodScheduled")
    if placed is not None and placed.get("status") == "False":
        return text(placed, "message") or "it is not scheduled to a node yet"
    return ""
