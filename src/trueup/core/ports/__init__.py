"""The ports of the engine: small Protocols that adapters implement. `trueup.testing` has fakes of them.

The engine knows these and the values of the core. It never sees a dialect, a client or a process.
"""

from trueup.core.ports.charts import ChartDependencies, dependency_root
from trueup.core.ports.clock import Clock
from trueup.core.ports.delivery import Delivery
from trueup.core.ports.events import EventSink
from trueup.core.ports.leadership import Fence, Fenced
from trueup.core.ports.proposals import Proposals
from trueup.core.ports.rendering import Renderer
from trueup.core.ports.sources import Checkout, Credentials, Sources
from trueup.core.ports.storage import ClusterUnreachable, Finalizers, Reports, StaleState, States, Unreachable, Values
from trueup.core.ports.target import Acting, Applied, ApplyError, Target, Targets

__all__ = [
    "Acting",
    "Applied",
    "ApplyError",
    "ChartDependencies",
    "Checkout",
    "Clock",
    "ClusterUnreachable",
    "Credentials",
    "Delivery",
    "EventSink",
    "Fence",
    "Fenced",
    "Finalizers",
    "Proposals",
    "Renderer",
    "Reports",
    "Sources",
    "StaleState",
    "States",
    "Target",
    "Targets",
    "Unreachable",
    "Values",
    "dependency_root",
]
