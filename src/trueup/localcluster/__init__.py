"""The embedded control plane: real Kubernetes in a few processes of this user, for the demo and the tests.

Nodes and pods are simulated by kwok with our stages; everything else is the real thing.
"""

from trueup.localcluster.cluster import Cluster, ClusterFailed
from trueup.localcluster.options import Options

__all__ = ["Cluster", "ClusterFailed", "Options"]
