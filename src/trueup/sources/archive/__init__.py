"""Tarballs behind URLs, made by others: fetched from allowed hosts, checked by their digest, kept as Git trees."""

from trueup.sources.archive.archives import ArchiveSource
from trueup.sources.archive.hosts import AllowedHosts
from trueup.sources.archive.provider import ArchiveProvider

__all__ = ["AllowedHosts", "ArchiveProvider", "ArchiveSource"]
