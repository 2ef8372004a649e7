"""The verdict on one object's health, in the words that Argo CD uses and users know."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class HealthStatus(StrEnum):
    """How an object fares. The order is from best to worst, as `worst` uses it."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"


class Health(msgspec.Struct, frozen=True):
    """A status and, where there is something to say, why."""

    status: HealthStatus
    message: str = ""

    @classmethod
    def missing(cls) -> Health:
        """The verdict on an object that is not there."""
        return cls(HealthStatus.MISSING)

    @classmethod
    def unknown(cls) -> Health:
        """The verdict while the cluster cannot be read."""
        return cls(HealthStatus.UNKNOWN)


_RANK = {status: rank for rank, status in enumerate(HealthStatus)}


def worst(healths: Iterable[Health]) -> Health:
    """Give the worst of several verdicts; nothing at all is healthy."""
    return max(healths, key=lambda health: _RANK[health.status], default=Health(HealthStatus.HEALTHY))
