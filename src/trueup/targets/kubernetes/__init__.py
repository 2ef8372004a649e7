"""The Kubernetes target: server-side apply by the unit's field manager, and what the watches say."""

from trueup.targets.kubernetes.target import KubernetesTarget

__all__ = ["KubernetesTarget"]
