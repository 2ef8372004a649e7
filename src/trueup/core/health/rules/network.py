"""Health of what brings traffic in: Service and Ingress."""

from __future__ import annotations

from trueup.core.health.decode import Fields, entries, section
from trueup.core.health.status import Health, HealthStatus

_HEALTHY = Health(HealthStatus.HEALTHY)
_NO_ADDRESS = Health(HealthStatus.PROGRESSING, "it has no address yet")


def service(obj: Fields) -> Health:
    """Judge a Service: only one of type `LoadBalancer` has something to wait for, its address."""
    if section(obj, "spec").get("type") != "LoadBalancer":
        return _HEALTHY
    return ingress(obj)


def ingress(obj: Fields) -> Health:
    """Judge an Ingress: healthy once its controller has given it an address."""
    return _HEALTHY if entries(section(section(obj, "status"), "loadBalancer"), "ingress") else _NO_ADDRESS
