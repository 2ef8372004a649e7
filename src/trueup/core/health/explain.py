"""Why an object is not healthy, in words for a person: its verdict, its pods' troubles and the last warnings."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.health.decode import Fields, section, text
from trueup.core.health.pod_failures import PodTrouble
from trueup.core.health.status import HealthStatus
from trueup.core.health.table import assess

MOST_TROUBLES = 3
MOST_WARNINGS = 3


def explain(obj: Fields, troubles: Iterable[PodTrouble] = (), events: Iterable[Fields] = ()) -> str:
    """Explain in one line per fact why an object is not healthy.

    `troubles` are those of its pods. `events` are Kubernetes Events (core/v1 or events.k8s.io/v1) about it or its pods;
    only warnings are told, the latest first. The first line is always the verdict.
    """
    health = assess(obj)
    lines = [health.status.value + (f": {health.message}" if health.message else "")]
    suffered = list(troubles)
    lines.extend(one.words for one in suffered[:MOST_TROUBLES])
    if (more := len(suffered) - MOST_TROUBLES) > 0:
        lines.append(f"and {more} more pods in trouble")
    if suffered or health.status not in (HealthStatus.HEALTHY, HealthStatus.SUSPENDED):
        lines.extend(_warnings(events))
    return "\n".join(lines)


def _warnings(events: Iterable[Fields]) -> list[str]:
    """Give the latest warnings, each reason and message once."""
    told: dict[str, None] = {}
    for item in sorted((one for one in events if one.get("type") == "Warning"), key=_when, reverse=True):
        message = text(item, "message") or text(item, "note")
        told.setdefault(f"{text(item, 'reason') or 'Warning'}: {message}".strip())
    return list(told)[:MOST_WARNINGS]


def _when(event: Fields) -> str:
    """Give when an event was last seen, as RFC 3339 text, whose order is that of the times."""
    series = section(event, "series")
    return (
        text(series, "lastObservedTime")
        or text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(section(event, "metadata"), "creationTimestamp")
    )
