"""Where artifacts come from, as ports."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from os import PathLike
from typing import Protocol

from trueup.core.model.artifact import Artifact, IgnoreRules, Resolved, Revision, SourceCredentials, SourceSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import TreeIds
from trueup.core.model.unit import SourceDeclaration


class Checkout(Protocol):
    """A tree on disk, read-only, that stays while it is held."""

    @property
    def path(self) -> PathLike[str]: ...
    @property
    def ids(self) -> TreeIds: ...


class Sources(Protocol):
    """Where artifacts come from, whatever kind of source it is. Every failure is a `SourceError`."""

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Ask the remote which revision is wanted now; this is cheap and fetches nothing.

        `at` names another revision than the declared one, in the words of this kind of source (a branch, a tag, a
        version, a digest). `fresh` accepts no answer that was given to somebody else earlier.
        """
        ...

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give the content of a revision, fetched if it is not here."""
        ...

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give the content of a revision that was fetched before, without any network; `None` where it is not here.

        What was fetched with other credentials is given only to whom the remote has let in by these.
        """
        ...

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the digest of every path, without writing files."""
        ...

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        ...

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Store the tarball that others can fetch."""
        ...

    def withdraw(self, ref: ObjectRef) -> None:
        """Delete the tarballs of a source."""
        ...

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository, bucket or registry now: what it takes counts for these."""
        ...

    def forget(self, spec: SourceSpec) -> None:
        """Give up what is kept of a repository, bucket or registry that no source follows any more."""
        ...


class Credentials(Protocol):
    """Finds the Secrets for a source: those it names, or those its dialect keeps for its URL."""

    async def of(self, declaration: SourceDeclaration) -> SourceCredentials | None:
        """Give the Secrets, `None` for anonymous access. Raises `SourceError` where a named one does not exist."""
        ...
