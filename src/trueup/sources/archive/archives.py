"""Archives as sources: nobody is polled, for whoever declares one says which version is wanted and what it weighs.

What was fetched is kept by the name of its version, so that a rollback finds it when the archive is there no more.
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from trueup.core.model.artifact import Fault, IgnoreRules, Provenance, Resolved, Revision, SourceError
from trueup.core.repository.archive import DIGESTS, HTTP, ArchiveSpec
from trueup.git.mirror import Mirror
from trueup.git.urls import GitUrl
from trueup.sources.archive.download import check_url, download
from trueup.sources.archive.hosts import AllowedHosts
from trueup.sources.cache import Cache
from trueup.sources.imports import Imports, Item, too_slow
from trueup.sources.proofs import Turns


class _Kept(msgspec.Struct):
    """What is kept beside the files, as the message of their commit."""

    digest: str


class ArchiveSource:
    """All archives of this process. What is on disk is in the cache that all kinds of sources share."""

    def __init__(self, cache: Cache, hosts: AllowedHosts) -> None:
        """Take the cache, which somebody else starts, and from which hosts archives are fetched."""
        self.cache = cache
        self._hosts = hosts
        self._imports = Imports(cache)
        self._turns = Turns(cache.settings.parallel)

    def resolve(self, spec: ArchiveSpec) -> Revision:
        """Give the version that is declared. Raises `SourceError` where it cannot be fetched at all."""
        shown = spec.name
        check_url(spec.url, self._hosts, shown)
        algorithm, _, digits = spec.digest.partition(":")
        if algorithm not in DIGESTS:
            known = ", ".join(DIGESTS)
            raise SourceError(Fault.URL, f"{shown}: digests of {algorithm!r} are not supported yet; known are {known}")
        if len(digits) != DIGESTS[algorithm] or digits.strip("0123456789abcdef"):
            raise SourceError(Fault.URL, f"{shown}: {spec.digest[:80]!r} is no digest of {algorithm}")
        return spec.revision

    async def fetch(self, spec: ArchiveSpec, revision: Revision, ignore: IgnoreRules) -> Resolved:
        """Give an archive's files, fetched if they are not here. Raises `SourceError`."""
        wanted = revision == spec.revision
        known = await self.recall(spec, revision, ignore)
        if known is not None and (not wanted or known.metadata.get("digest") == spec.digest):
            return msgspec.structs.replace(known, metadata={})
        if not wanted:
            words = f"{spec.name}: {revision} is there no more, and was not fetched while it was; name a newer one"
            raise SourceError(Fault.REF, words)
        self.resolve(spec)
        mirror = self.cache.mirror(_kept(spec))
        async with self._turns.of(spec.name):
            await self._imports.brought(mirror, _item(spec, revision), lambda: self._bring(spec, mirror))
        found = await self.recall(spec, revision, ignore)
        if found is None:
            raise SourceError(Fault.CACHE, f"{spec.name}: {revision} cannot be read in the cache; tried again")
        return msgspec.structs.replace(found, metadata={})

    async def recall(self, spec: ArchiveSpec, revision: Revision, ignore: IgnoreRules) -> Resolved | None:
        """Give an archive that was fetched before, without any network; its digest is in `metadata`."""
        mirror, item = self.cache.mirror(_kept(spec)), _item(spec, revision)
        commit = await self._imports.commit(mirror, item)
        if not commit:
            return None
        key = (mirror.address, revision.id, revision.name, f"{ignore.key}\0{commit}")
        if (known := self.cache.known(key)) is not None:
            return msgspec.structs.replace(known, url=spec.url)
        made = await self._imports.read(mirror, commit, item)
        kept = msgspec.json.decode(made.message, type=_Kept)
        tree = await self._imports.tree(mirror, made.tree, ignore, item.shown)
        provenance = Provenance(revision.id, made.tree)
        location = str(mirror.folder)
        resolved = Resolved(HTTP, spec.url, revision, provenance, tree, location, metadata={"digest": kept.digest})
        return self.cache.keep(key, resolved)

    def followed(self, spec: ArchiveSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow archives of a name now."""
        self.cache.quotas.followed(_kept(spec).address, tenants)

    def forget(self, spec: ArchiveSpec) -> None:
        """Remove all that is kept of a name that no source follows any more."""
        self.cache.forget(_kept(spec).address)

    async def _bring(self, spec: ArchiveSpec, mirror: Mirror) -> None:
        async with self._imports.folder(spec.name) as folder:
            try:
                async with asyncio.timeout(spec.timeout):
                    await download(spec.url, spec.digest, folder / "blob", self._hosts, spec.name)
            except TimeoutError as error:
                raise too_slow(spec.name, spec.timeout) from error
            message = msgspec.json.encode(_Kept(spec.digest))
            item = _item(spec, spec.revision)
            await self._imports.unpack(mirror, item, folder / "blob", "its tarball", message=message)


def _kept(spec: ArchiveSpec) -> GitUrl:
    return GitUrl("http", "", f"{HTTP}+artifact:{spec.name}", spec.name)


def _item(spec: ArchiveSpec, revision: Revision) -> Item:
    # A digest of its name, which may hold what no ref of Git may.
    named = hashlib.sha256(str(revision).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return Item(f"refs/trueup/archive/{named}", revision.id, spec.name)
