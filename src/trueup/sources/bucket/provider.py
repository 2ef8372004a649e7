"""Buckets as a kind of source: the neutral spec and Secrets narrowed to what they read."""

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
from trueup.core.repository.bucket import BUCKET, BucketSpec
from trueup.sources.bucket.buckets import BucketSource
from trueup.sources.cached import CachedProvider


class BucketProvider(CachedProvider):
    """Implements `SourceProvider` for buckets."""

    kind = BUCKET

    def __init__(self, buckets: BucketSource) -> None:
        """Take the buckets of this process."""
        super().__init__(buckets.cache)
        self._buckets = buckets

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """List the bucket. `at` is a digest of one that was fetched."""
        if at:
            _bucket(spec)
            return _named(at)
        return await self._buckets.resolve(_bucket(spec), credentials, fresh)

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give the tree of a bucket's objects, fetched if it is not here."""
        return await self._buckets.fetch(_bucket(spec), revision, credentials, ignore)

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give the tree without any network; `None` where it is not here, or not for these credentials."""
        return await self._buckets.recall(_bucket(spec), revision, credentials, ignore)

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a bucket now."""
        self._buckets.followed(_bucket(spec), tenants)

    def forget(self, spec: SourceSpec) -> None:
        """Remove what is kept of a bucket, and all that is known of it."""
        self._buckets.forget(_bucket(spec))


def _named(text: str) -> Revision:
    try:
        return Revision.parse(text)
    except ValueError as error:
        words = f"{text!r} is no revision of a bucket: write its digest, sha256:…"
        raise SourceError(Fault.REF, words) from error


def _bucket(spec: SourceSpec) -> BucketSpec:
    if not isinstance(spec, BucketSpec):
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no bucket")
    return spec
