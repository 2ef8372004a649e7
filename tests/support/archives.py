"""A kind of source that Trueup does not have: a tarball behind a URL. It shows what a new kind takes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from trueup.core.model.artifact import (
    Fault,
    IgnoreRules,
    Provenance,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.testing.sources import FakeCheckout

ARCHIVE = "archive"


class ArchiveSpec(SourceSpec, frozen=True, tag=ARCHIVE):
    """A tarball: `url` is where it is fetched from. What lies there now is its newest revision."""


class Ids(NamedTuple):
    """The digest of every file and folder, by path."""

    digests: dict[str, str]
    listed: dict[str, tuple[str, ...]]

    def entry(self, path: str) -> str | None:
        return self.digests.get(path)

    def names(self, path: str) -> tuple[str, ...] | None:
        return self.listed.get(path)


class ArchiveProvider:
    """Implements `SourceProvider`. Archives are kept unpacked below `cache`, by digest."""

    kind = ARCHIVE

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """It bounds nobody's disk."""

    def sweep(self) -> None:
        """It keeps nothing of an earlier process."""

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        if at:
            return Revision.parse(at)
        if not isinstance(spec, ArchiveSpec):
            raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no archive")
        try:
            async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(spec.url) as answer:
                content = await answer.read()
        except aiohttp.ClientError as error:
            raise SourceError(Fault.UNREACHABLE, f"{spec.url}: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(self._cache / digest, filter="data")
        return Revision("latest", f"sha256:{digest}")

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        if (found := await self.recall(spec, revision, credentials, ignore)) is not None:
            return found
        raise SourceError(Fault.REF, f"{spec.url}: {revision} is not there any more")

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        folder = self._cache / revision.id
        if not folder.is_dir():
            return None
        tree = _ids(folder).digests["."]
        return Resolved(ARCHIVE, spec.url, revision, Provenance(revision.id, tree), tree, str(folder))

    async def ids(self, resolved: Resolved) -> Ids:
        return _ids(Path(resolved.location))

    @asynccontextmanager
    async def checkout(self, resolved: Resolved) -> AsyncIterator[FakeCheckout]:
        yield FakeCheckout(Path(resolved.location), _ids(Path(resolved.location)))

    def forget(self, spec: SourceSpec) -> None:
        """Keep what is there: archives are found by their digest, whoever follows them."""


def _ids(root: Path) -> Ids:
    ids = Ids({}, {})
    for path in [*sorted(root.rglob("*"), reverse=True), root]:
        key = path.relative_to(root).as_posix()
        if path.is_dir():
            names = ids.listed[key] = tuple(sorted(f"{one.name}{'/' * one.is_dir()}" for one in path.iterdir()))
            parts = [f"{name}={ids.digests[(path / name).relative_to(root).as_posix()]}" for name in names]
        ids.digests[key] = hashlib.sha256("\0".join(parts).encode() if path.is_dir() else path.read_bytes()).hexdigest()
    return ids
