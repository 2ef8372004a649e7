"""Health of volume claims."""

from __future__ import annotations

from trueup.core.health.decode import Fields, section, text
from trueup.core.health.status import Health, HealthStatus

_PROVISIONERS = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")


def volume_claim(obj: Fields) -> Health:
    """Judge a PersistentVolumeClaim: bound is healthy, lost degraded.

    A pending claim progresses while a provisioner works on it. Without one it waits for its first consumer, which the
    storage class may ask for: then nothing is wrong with the claim, and waiting for it would never end.
    """
    phase = text(section(obj, "status"), "phase")
    if phase == "Bound":
        return Health(HealthStatus.HEALTHY)
    if phase == "Lost":
        return Health(HealthStatus.DEGRADED, "the volume it was bound to is lost")
    if phase != "Pending":
        return Health(HealthStatus.UNKNOWN, f"its phase is {phase or 'not set yet'}")
    annotations = section(section(obj, "metadata"), "annotations")
    if any(key in annotations for key in _PROVISIONERS):
        return Health(HealthStatus.PROGRESSING, "its volume is being provisioned")
    return Health(HealthStatus.HEALTHY, "it waits for its first consumer")
