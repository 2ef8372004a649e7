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


class Proof(StrEnum):
    """How sure it is that an object in trouble stays in trouble unless somebody changes it."""

    CERTAIN = "certain"
    """Its controller has given up, or its spec can never work."""

    CRASHING = "crashing"
    """It starts and fails, again and again: what it needs may still be starting."""

    STATED = "stated"
    """A user's own rule for its kind says that it has failed."""

    LIKELY = "likely"
    """Many heal by themselves: a registry that does not answer, a condition that is false until something is made."""


class Health(msgspec.Struct, frozen=True):
    """A status and, where there is something to say, why. `proof` says what trouble is worth as evidence."""

    status: HealthStatus
    message: str = ""
    proof: Proof = Proof.CERTAIN

    @classmethod
    def missing(cls) -> Health:
        """The verdict on an object that is not there."""
        return cls(HealthStatus.MISSING)

    @classmethod
    def unknown(cls) -> Health:
        """The verdict while the cluster cannot be read."""
        return cls(HealthStatus.UNKNOWN)

    @property
    def troubled(self) -> bool:
        """Whether there is evidence of failure, however weak."""
        return self.status is HealthStatus.DEGRADED or self.proof is not Proof.CERTAIN


_RANK = {status: rank for rank, status in enumerate(HealthStatus)}


def worst(healths: Iterable[Health]) -> Health:
    """Give the worst of several verdicts; nothing at all is healthy."""
    return max(healths, key=lambda health: _RANK[health.status], default=Health(HealthStatus.HEALTHY))
