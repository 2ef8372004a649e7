"""Kinds of sources by tag: each has one provider, and the engine asks them all through one port.

Adding a kind of source is a `SourceSpec` with its tag, a provider, and its entry where the registry is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from trueup.core.model.artifact import (
    Artifact,
    Fault,
    IgnoreRules,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import TreeIds
from trueup.core.model.unit import SourceDeclaration
from trueup.sources.artifacts import ArtifactStore


class ContentOnDisk(Protocol):
    """Files of a revision on disk, read-only, that stay while they are held."""

    @property
    def path(self) -> Path: ...
    @property
    def ids(self) -> TreeIds: ...


class SourceProvider(Protocol):
    """One kind of source. Every failure is a `SourceError`, and no message holds a secret.

    A provider is given only specs of its own kind. It keeps what it has fetched, and what it gives for a revision never
    changes.
    """

    @property
    def kind(self) -> str:
        """The tag of its specs."""
        ...

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Ask the remote which revision is wanted now, or what `at` names; fetch nothing."""
        ...

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give the content of a revision, fetched if it is not here."""
        ...

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give the content of a revision without any network; `None` where it is not here, or these credentials have
        not been let in before."""
        ...

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the digest of every path."""
        ...

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[ContentOnDisk]:
        """Hold the files on disk."""
        ...

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow an origin now. Must not raise, and must not wait."""
        ...

    def sweep(self) -> None:
        """Give up what an earlier process has kept of origins that nobody follows now. Must not raise nor wait."""
        ...

    def forget(self, spec: SourceSpec) -> None:
        """Give up what is kept of an origin that no source follows any more. Must not raise, and must not wait."""
        ...


class SourceRegistry:
    """Implements the port `Sources` with one provider per kind of source; tarballs are kept in one store for all."""

    def __init__(self, providers: Iterable[SourceProvider], store: ArtifactStore) -> None:
        """Take the providers, which must have different tags, and the store of tarballs."""
        self._providers: dict[str, SourceProvider] = {}
        for provider in providers:
            if self._providers.setdefault(provider.kind, provider) is not provider:
                raise ValueError(f"two providers for sources of kind {provider.kind!r}")
        self._store = store

    def of(self, kind: str) -> SourceProvider:
        """Give the provider for a kind of source. Raises `SourceError` where there is none."""
        found = self._providers.get(kind)
        if found is None:
            known = ", ".join(sorted(self._providers))
            raise SourceError(Fault.URL, f"sources of kind {kind!r} are not supported; supported are: {known}")
        return found

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Ask the remote which revision is wanted now."""
        return await self.of(spec.kind).resolve(spec, credentials, at, fresh)

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give the content of a revision, fetched if it is not here."""
        return await self.of(spec.kind).fetch(spec, revision, credentials, ignore)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give the content of a revision without any network."""
        return await self.of(spec.kind).recall(spec, revision, credentials, ignore)

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the digest of every path."""
        return await self.of(resolved.kind).ids(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[ContentOnDisk]:
        """Hold the files on disk."""
        return self.of(resolved.kind).checkout(resolved)

    async def publish(self, declaration: SourceDeclaration, resolved: Resolved) -> Artifact:
        """Store the tarball that others can fetch."""
        async with self.checkout(resolved) as held:
            return await self._store.put(declaration.ref, resolved, Path(held.path))

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow an origin now."""
        provider = self._providers.get(spec.kind)
        if provider is not None:
            provider.followed(spec, tenants)

    def sweep(self) -> None:
        """Give up what an earlier process has kept of origins that nobody follows now; called when all is declared."""
        for provider in self._providers.values():
            provider.sweep()

    def forget(self, spec: SourceSpec) -> None:
        """Give up what is kept of an origin that no source follows any more."""
        provider = self._providers.get(spec.kind)
        if provider is not None:
            provider.forget(spec)

    def withdraw(self, ref: ObjectRef) -> None:
        """Delete the tarballs of a source."""
        self._store.drop(ref)
