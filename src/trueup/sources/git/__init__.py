"""Git repositories: refs are polled, commits mirrored, trees written to disk once, tarballs kept for others."""

from trueup.git.settings import GitSettings
from trueup.sources.git.provider import GitProvider
from trueup.sources.git.repositories import GitSource

__all__ = ["GitProvider", "GitSettings", "GitSource"]
