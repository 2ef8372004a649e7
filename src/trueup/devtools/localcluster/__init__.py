"""Builds, starts and stops a local Kubernetes control plane: the real one, with simulated nodes.

The demo, the tests and the benchmarks use it. It knows nothing of what runs against it, nor of the project's own
Kubernetes client.
"""

from trueup.devtools.localcluster.cluster import Cluster
from trueup.devtools.localcluster.errors import AlreadyRunning, ClusterError, StartFailed

__all__ = ["AlreadyRunning", "Cluster", "ClusterError", "StartFailed"]
