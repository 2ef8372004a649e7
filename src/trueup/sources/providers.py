"""The kinds of sources there are: a new one is its own folder and one line here."""

from __future__ import annotations

from trueup.core.model.git import GIT
from trueup.sources.git import GitProvider, GitSource
from trueup.sources.helm import HelmProvider, HelmSource, PackagedCharts
from trueup.sources.oci import OciProvider, OciSource
from trueup.sources.registry import SourceProvider


def all_providers(git: GitSource) -> tuple[SourceProvider, ...]:
    """Give a provider for each kind; all keep what they fetch in the cache of `git`."""
    oci = OciSource(git.cache)
    repositories = GitProvider(git)
    packaged = PackagedCharts(git.cache, {GIT: repositories})
    return (repositories, OciProvider(oci), HelmProvider(HelmSource(git.cache), oci), packaged)
