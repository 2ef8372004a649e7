"""Git repositories as the engine's `Sources` port: resolving and storing artifacts in one hand."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from trueup.core.artifact import Artifact, GitCredentials, GitSpec, IgnoreRules, Resolved, Revision
from trueup.core.objects import ObjectRef
from trueup.core.unit import SourceDeclaration
from trueup.sources.git.artifacts import ArtifactStore
from trueup.sources.git.listing import Listing
from trueup.sources.git.source import GitSource
from trueup.sources.git.trees import Checkout


class GitSources:
    """Implements `Sources` on Git alone."""

    def __init__(self, git: GitSource, store: ArtifactStore) -> None:
        """Take both."""
        self.git = git
        self._git = git
        self._store = store

    async def poll(self, spec: GitSpec, creds: GitCredentials | None, fresh: bool = False) -> Revision:
        """Ask the remote for its refs only."""
        return await self._git.poll(spec, creds, fresh)

    async def resolve(
        self, spec: GitSpec, creds: GitCredentials | None, ignore: IgnoreRules, fresh: bool = False
    ) -> Resolved:
        """Poll, and fetch the commit if it is not here."""
        return await self._git.resolve(spec, creds, ignore, fresh)

    async def recall(
        self, spec: GitSpec, revision: Revision, creds: GitCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a commit that was fetched before, without any network."""
        return await self._git.recall(spec, revision, creds, ignore)

    async def ids(self, resolved: Resolved) -> Listing:
        """Give the tree's content by id."""
        return await self._git.tree(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the tree's files on disk."""
        return self._git.checkout(resolved)

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Store the tarball that others can fetch."""
        async with self._git.checkout(resolved) as checkout:
            return await asyncio.to_thread(self._store.put, declaration.ref, resolved, checkout.path)

    def withdraw(self, ref: ObjectRef) -> None:
        """Forget the tarballs of a source."""
        self._store.drop(ref)
