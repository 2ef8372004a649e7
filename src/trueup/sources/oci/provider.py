"""OCI registries as a kind of source: the neutral spec and Secrets narrowed to what they read."""

from __future__ import annotations

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
from trueup.core.repository.oci import OCI, OciRef, OciSpec
from trueup.sources.cached import CachedProvider
from trueup.sources.oci.repositories import OciSource


class OciProvider(CachedProvider):
    """Implements `SourceProvider` for registries."""

    kind = OCI

    def __init__(self, oci: OciSource) -> None:
        """Take the registries of this process."""
        super().__init__(oci.cache)
        self._oci = oci

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Ask for the digest only. `at` is a tag, a digest or a range."""
        wanted = _oci(spec)
        if at:
            wanted = msgspec.structs.replace(wanted, ref=OciRef(revision=at.rpartition("@")[2]))
        return await self._oci.resolve(wanted, credentials, fresh)

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give an artifact's tree, fetched if it is not here."""
        return await self._oci.fetch(_oci(spec), revision, credentials, ignore)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an artifact's tree without any network; `None` where it is not here, or not for these credentials."""
        return await self._oci.recall(_oci(spec), revision, credentials, ignore)

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        self._oci.followed(_oci(spec), tenants)

    def forget(self, spec: SourceSpec) -> None:
        """Remove what is kept of a repository, and all that is known of it."""
        self._oci.forget(_oci(spec))


def _oci(spec: SourceSpec) -> OciSpec:
    if not isinstance(spec, OciSpec):
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no OCI repository")
    return spec
