"""Archives as a kind of source: the neutral spec narrowed to what they read. They know no credentials."""

from __future__ import annotations

from trueup.core.model.artifact import (
    Fault,
    IgnoreRules,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.repository.archive import HTTP, ArchiveSpec
from trueup.sources.archive.archives import ArchiveSource
from trueup.sources.cached import CachedProvider


class ArchiveProvider(CachedProvider):
    """Implements `SourceProvider` for archives."""

    kind = HTTP

    def __init__(self, archives: ArchiveSource) -> None:
        """Take the archives of this process."""
        super().__init__(archives.cache)
        self._archives = archives

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Give the version that is declared; `at` names one that was fetched before."""
        archive = _archive(spec)
        if not at or at in (str(archive.revision), archive.revision.id, archive.revision.name):
            return self._archives.resolve(archive)
        try:
            return Revision.parse(at)
        except ValueError as error:
            raise SourceError(Fault.REF, f"{archive.name}: there is no version {at!r}; write NAME@sha256:…") from error

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give an archive's tree, fetched if it is not here."""
        return await self._archives.fetch(_archive(spec), revision, ignore)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an archive's tree without any network; `None` where it is not here."""
        return await self._archives.recall(_archive(spec), revision, ignore)

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow archives now."""
        self._archives.followed(_archive(spec), tenants)

    def forget(self, spec: SourceSpec) -> None:
        """Remove what is kept of archives that nobody follows."""
        self._archives.forget(_archive(spec))


def _archive(spec: SourceSpec) -> ArchiveSpec:
    if not isinstance(spec, ArchiveSpec):
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no archive")
    return spec
