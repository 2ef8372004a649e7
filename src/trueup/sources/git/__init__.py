"""Git repositories: refs are polled, commits mirrored, trees written to disk once, tarballs kept for others."""

from trueup.sources.git.artifacts import ArtifactStore
from trueup.sources.git.settings import GitSettings
from trueup.sources.git.source import GitSource
from trueup.sources.git.sources import GitSources

__all__ = ["ArtifactStore", "GitSettings", "GitSource", "GitSources"]
