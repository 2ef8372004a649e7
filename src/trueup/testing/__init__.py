"""Fakes that implement the engine's ports in memory, and a clock that stands still until told otherwise."""

from trueup.testing.clock import FakeClock, FakeFence, quiesce
from trueup.testing.cluster import FakeCluster, FakeTargets
from trueup.testing.rendering import FakeRenderer
from trueup.testing.sources import FakeCheckout, FakeRepositories, FakeRepository, FakeTree, NoCredentials
from trueup.testing.storage import FakeEventSink, FakeFinalizers, FakeProposals, FakeReports, FakeStates, FakeValues
from trueup.testing.units import a_unit

__all__ = [
    "FakeCheckout",
    "FakeClock",
    "FakeCluster",
    "FakeEventSink",
    "FakeFence",
    "FakeFinalizers",
    "FakeProposals",
    "FakeRenderer",
    "FakeReports",
    "FakeRepositories",
    "FakeRepository",
    "FakeStates",
    "FakeTargets",
    "FakeTree",
    "FakeValues",
    "NoCredentials",
    "a_unit",
    "quiesce",
]
