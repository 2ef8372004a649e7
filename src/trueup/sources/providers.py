"""The kinds of sources there are: a new one is its own folder and one line here."""

from __future__ import annotations

from trueup.core.model.git import GIT
from trueup.sources.archive import AllowedHosts, ArchiveProvider, ArchiveSource
from trueup.sources.bucket import BucketProvider, BucketSource
from trueup.sources.git import GitProvider, GitSource
from trueup.sources.helm import HelmProvider, HelmSource, PackagedCharts
from trueup.sources.oci import OciProvider, OciSource
from trueup.sources.registry import SourceProvider


def all_providers(git: GitSource) -> tuple[SourceProvider, ...]:
    """Give a provider for each kind; all keep what they fetch in the cache of `git`.

    Raises ValueError that names a variable of the environment.
    """
    cache = git.cache
    oci = OciSource(cache)
    repositories = GitProvider(git)
    return (
        repositories,
        OciProvider(oci),
        BucketProvider(BucketSource(cache)),
        ArchiveProvider(ArchiveSource(cache, AllowedHosts.from_environment())),
        HelmProvider(HelmSource(cache), oci),
        PackagedCharts(cache, {GIT: repositories}),
    )
