"""Health of what bounds the number of pods: HorizontalPodAutoscaler and PodDisruptionBudget."""

from __future__ import annotations

from typing import Any

import msgspec

from trueup.core.health.decode import Fields, described, entries, section, text
from trueup.core.health.status import Health, HealthStatus

_V1_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
"""Where `autoscaling/v1`, which has no field for them, keeps the conditions as JSON."""

_BROKEN = frozenset(
    {
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "InvalidSelector"),
    }
)


def autoscaler(obj: Fields) -> Health:
    """Judge a HorizontalPodAutoscaler by the first of its conditions that decides, as Argo CD does.

    It is degraded where it cannot read or set a scale, and healthy once it could. Metrics that are missing then are
    named, and make it no worse: it scales again when they come.
    """
    conditions: list[dict[str, Any]] = entries(section(obj, "status"), "conditions")
    if not conditions:
        raw = text(section(section(obj, "metadata"), "annotations"), _V1_CONDITIONS)
        try:
            conditions = entries({"conditions": msgspec.json.decode(raw)}, "conditions") if raw else []
        except (msgspec.DecodeError, RecursionError):
            return Health(HealthStatus.UNKNOWN, f"its annotation {_V1_CONDITIONS} is no JSON")
    able = False
    for item in conditions:
        if (text(item, "type"), text(item, "reason")) in _BROKEN:
            return Health(HealthStatus.HEALTHY if able else HealthStatus.DEGRADED, described(item))
        able = able or (item.get("type") in ("AbleToScale", "ScalingLimited") and item.get("status") == "True")
    return Health(HealthStatus.HEALTHY) if able else Health(HealthStatus.PROGRESSING, "it has not scaled yet")


def disruption_budget(obj: Fields) -> Health:
    """Judge a PodDisruptionBudget: degraded where its controller cannot compute it.

    Too few pods to allow a disruption is what a budget is for, and not ill health.
    """
    conditions = entries(section(obj, "status"), "conditions")
    for item in conditions:
        if item.get("status") == "False" and item.get("reason") != "InsufficientPods":
            return Health(HealthStatus.DEGRADED, described(item))
    return Health(HealthStatus.HEALTHY) if conditions else Health(HealthStatus.PROGRESSING, "it is not computed yet")
