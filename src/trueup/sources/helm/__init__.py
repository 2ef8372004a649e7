"""Helm repositories as a kind of source: charts by an index over HTTP, or in a registry, as trees of their files."""

from trueup.sources.helm.dependencies import FetchedCharts, allowed_repositories
from trueup.sources.helm.packages import PackagedCharts
from trueup.sources.helm.provider import HelmProvider
from trueup.sources.helm.repositories import HelmSource

__all__ = ["FetchedCharts", "HelmProvider", "HelmSource", "PackagedCharts", "allowed_repositories"]
