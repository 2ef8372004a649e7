"""Git as a kind of source: the neutral spec and Secrets narrowed to what Git reads."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress

import msgspec

from trueup.core.model.artifact import (
    Fault,
    IgnoreRules,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.model.git import GIT, GitRef, GitSpec
from trueup.git.credentials import git_credentials
from trueup.git.mirror import Mirror
from trueup.git.signatures import PublicKeys
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout
from trueup.sources.git.repositories import GitSource


class GitProvider:
    """Implements `SourceProvider` for Git repositories."""

    kind = GIT

    def __init__(self, git: GitSource) -> None:
        """Take the repositories of this process."""
        self._git = git

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Ask the remote for its refs only; for a full commit id only whether it lets one in.

        `at` is a branch, tag, commit or range.
        """
        git = _git(spec)
        if at:
            with suppress(ValueError):
                # A commit of a repository with SHA-256 is named by its digest.
                at = Revision.parse(at).id if ":" in at else at
            git = msgspec.structs.replace(git, ref=GitRef(revision=at))
        return await self._git.poll(git, git_credentials(credentials), fresh)

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a commit's tree, fetched if it is not here."""
        keys = PublicKeys(credentials.keys if credentials is not None else {})
        return await self._git.fetch(_git(spec), revision, git_credentials(credentials), ignore, keys)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a commit's tree without any network; `None` where it is not here, or is not for these credentials."""
        keys = PublicKeys(credentials.keys if credentials is not None else {})
        return await self._git.recall(_git(spec), revision, git_credentials(credentials), ignore, keys)

    async def ids(self, resolved: Resolved) -> Listing:
        """Give Git's own id of every path."""
        return await self._git.tree(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return self._git.checkout(resolved)

    def mirror(self, spec: SourceSpec) -> Mirror:
        """Give where a repository is kept. Raises `SourceError` for a wrong URL."""
        return self._git.mirror(_git(spec))

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        self._git.followed(_git(spec), tenants)

    def sweep(self) -> None:
        """Remove the mirrors that an earlier process has left and nobody follows."""
        self._git.sweep()

    def forget(self, spec: SourceSpec) -> None:
        """Remove the mirror of a repository, and all that is known of it."""
        self._git.forget(_git(spec))


def _git(spec: SourceSpec) -> GitSpec:
    if not isinstance(spec, GitSpec):
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no Git repository")
    return spec
