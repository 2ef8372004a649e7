"""Health of one object as a pure function of what the API server says of it."""

from trueup.core.health.status import Health, HealthStatus, worst

__all__ = ["Health", "HealthStatus", "worst"]
