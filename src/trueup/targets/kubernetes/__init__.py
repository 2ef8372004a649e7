"""The Kubernetes target: server-side apply by the unit's field manager, and what the watches say, in every cluster."""

from trueup.targets.kubernetes.target import KubernetesTarget
from trueup.targets.kubernetes.targets import KubernetesTargets

__all__ = ["KubernetesTarget", "KubernetesTargets"]
