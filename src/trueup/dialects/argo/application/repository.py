"""Where an Application's source lies: a Git repository, or an artifact in a registry."""

from __future__ import annotations

from trueup.core.model.artifact import SourceSpec
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.repository.oci import SCHEME, OciRef, OciSpec
from trueup.dialects.argo.application.types import Source


def repository_of(source: Source | None) -> SourceSpec:
    """Give what is followed for a source; `oci://` is what tells a registry from a Git repository."""
    if source is None:
        return GitSpec(url="")
    if source.repo_url.startswith(SCHEME):
        return OciSpec(url=source.repo_url, ref=OciRef(revision=source.target_revision), only=True)
    ref = GitRef(revision=source.target_revision or "HEAD", tag_prefix=source.tag_prefix)
    return GitSpec(url=source.repo_url, ref=ref, submodules=True)
