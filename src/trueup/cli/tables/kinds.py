"""What tables say of objects: users' kinds in few characters, and the colours of health."""

from __future__ import annotations

from functools import cache

from trueup.core.health import HealthStatus
from trueup.dialects import adapters

HEALTH_TONES = {
    HealthStatus.HEALTHY.value: "green",
    HealthStatus.PROGRESSING.value: "yellow",
    HealthStatus.SUSPENDED.value: "yellow",
    HealthStatus.DEGRADED.value: "red",
    HealthStatus.MISSING.value: "red",
}


@cache
def brief_kind(kind: str) -> str:
    """Write a user's kind as short as commands take it: `ks` for a Kustomization; others as they are."""
    shorts = (one.short for one in adapters() if one.kind.kind == kind)
    return min((word for words in shorts for word in words), key=len, default=kind)


def brief_object(name: str) -> str:
    """Write `Kind/namespace/name` with its kind in few characters."""
    kind, slash, rest = name.partition("/")
    return brief_kind(kind) + slash + rest
