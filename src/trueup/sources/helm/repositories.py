"""Charts of repositories with an index: versions found in it, archives fetched once, trees known by their ids."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from yarl import URL

from trueup.core.model.artifact import (
    CHART,
    Fault,
    IgnoreRules,
    Provenance,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    amount,
)
from trueup.core.repository.helm import HELM, HelmSpec
from trueup.git.mirror import Mirror
from trueup.sources.cache import Cache, Key
from trueup.sources.helm.address import HelmAddress, check_chart, read_helm_address
from trueup.sources.helm.choosing import Entry
from trueup.sources.helm.indexes import Index, Indexes, too_slow
from trueup.sources.helm.known_versions import known_revision, remember
from trueup.sources.helm.server import ChartServer, refusal
from trueup.sources.imports import Imports, Item
from trueup.sources.proofs import Turns
from trueup.sources.web.client import CHUNK
from trueup.sources.web.credentials import WebCredentials, web_credentials

ARCHIVE_LIMIT = 128 * 1024 * 1024
"""Bytes of a chart's archive."""

_DENIED = (Fault.CREDENTIALS, Fault.NOT_FOUND)


class Asked(msgspec.Struct, frozen=True):
    """One source as it is asked for: its spec, where it lies, as whom, and where its chart is kept."""

    spec: HelmSpec
    address: HelmAddress
    creds: WebCredentials
    mirror: Mirror

    @property
    def proof(self) -> str:
        """Name who has been let in where."""
        return f"{self.mirror.key}.{self.creds.who}"


class HelmSource:
    """All repositories with an index of this process. What is on disk is in the cache that all kinds share."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self.cache = cache
        self.indexes = Indexes(cache)
        self._imports = Imports(cache)
        self._turns = Turns(cache.settings.parallel)

    async def resolve(
        self, spec: HelmSpec, credentials: SourceCredentials | None, version: str, fresh: bool = False
    ) -> Revision:
        """Find a version of a chart, or the index as it is now. Raises `SourceError`."""
        asked = self._asked(spec, credentials)
        index = await self._index(asked, fresh)
        if not spec.chart:
            return Revision("", f"sha256:{index.digest}")
        return (await self.indexes.find(index, spec.chart, version, asked.address.shown)).revision

    async def fetch(
        self, spec: HelmSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a chart, fetched if it is not here, to whom the repository lets in. Raises `SourceError`."""
        asked = self._asked(spec, credentials)
        if not self.cache.proofs.lately(asked.proof):
            await self._prove(asked)
        if not spec.chart:
            found = await self.indexes.known(revision.id)
            if found is None:
                raise SourceError(Fault.CACHE, f"{asked.address.shown}: its index is not here any more; tried again")
            return index_of(spec, revision, found)
        if (known := self.cache.known(_key(asked, revision, ignore))) is not None:
            return known
        item = _item(asked, revision)
        async with self._turns.of(f"{asked.address.host} {asked.creds.who}"):
            commit = await self._imports.commit(asked.mirror, item)
            if not commit:
                commit = await self._imports.brought(asked.mirror, item, lambda: self._bring(asked, item, revision))
        await remember(asked.mirror, Revision(_name(asked, revision), revision.digest), asked.address.shown)
        return await self._described(asked, revision, commit, ignore)

    async def recall(
        self, spec: HelmSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a chart that was fetched before, without any network, to whom the repository has let in before.

        A revision without a digest is the one that its version was last.
        """
        asked = self._asked(spec, credentials)
        if self.cache.proofs.since(asked.proof) is None:
            return None
        if not spec.chart:
            found = await self.indexes.known(revision.id)
            return index_of(spec, revision, found) if found is not None else None
        whole = revision
        if not revision.digest:
            known_version = await known_revision(asked.mirror, _name(asked, revision))
            if known_version is None:
                return None
            whole = Revision(revision.name, known_version.digest)
        if (known := self.cache.known(_key(asked, whole, ignore))) is not None:
            return known
        commit = await self._imports.commit(asked.mirror, _item(asked, whole))
        return await self._described(asked, whole, commit, ignore) if commit else None

    def followed(self, spec: HelmSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        with suppress(SourceError):
            self.cache.quotas.followed(read_helm_address(spec.url).kept.address, tenants)

    def forget(self, spec: HelmSpec) -> None:
        """Remove all that is kept of a repository that no source follows any more."""
        with suppress(SourceError):
            self.cache.forget(read_helm_address(spec.url).kept.address)

    # ----------------------------------------------------------------------------------------------- asking

    def _asked(self, spec: HelmSpec, credentials: SourceCredentials | None) -> Asked:
        address = read_helm_address(spec.url)
        if spec.chart:
            check_chart(spec.chart, address.shown)
        mirror = self.cache.mirror(address.kept)
        return Asked(spec, address, web_credentials(credentials, address), mirror)

    async def _index(self, asked: Asked, fresh: bool = False) -> Index:
        """Ask for the index; the answer proves that the repository lets these credentials in, or does not."""
        try:
            found = await self.indexes.current(asked.address, asked.creds, asked.spec.timeout, fresh)
        except SourceError as error:
            if error.fault in _DENIED:
                await self.cache.proofs.refused(asked.proof)
            raise
        await self.cache.proofs.let_in(asked.proof)
        return found

    async def _prove(self, asked: Asked) -> None:
        """Have credentials let in. A repository that cannot be reached does not take away what it has given before."""
        try:
            await self._index(asked)
        except SourceError as error:
            if self.cache.proofs.since(asked.proof) is None or error.fault in _DENIED:
                raise

    # --------------------------------------------------------------------------------------------- fetching

    async def _bring(self, asked: Asked, item: Item, revision: Revision) -> None:
        shown, chart = asked.address.shown, asked.spec.chart
        index = await self._index(asked)
        entry = await self.indexes.find(index, chart, revision.name, shown)
        if entry.revision != revision:
            words = f"{shown}: chart {chart!r} {revision.name} is another now than it was, and is not here any more"
            raise SourceError(Fault.REF, f"{words}; have it delivered as it is now")
        async with self._imports.folder(shown) as folder:
            archive, error = folder / "chart.tgz", SourceError(Fault.REF, "")
            for url in entry.urls:
                try:
                    await self._downloaded(asked, asked.address.archive(url), archive)
                except SourceError as failed:
                    error = failed
                    await asyncio.to_thread(archive.unlink, missing_ok=True)
                else:
                    name = f"the archive of chart {chart!r} {revision.name}"
                    await self._checked(archive, entry, f"{shown}: {name}")
                    message, strip = _message(asked.spec, entry), asked.spec.unwrap
                    await self._imports.unpack(asked.mirror, item, archive, name, message=message, strip=strip)
                    return
            raise error

    async def _downloaded(self, asked: Asked, url: str, archive: Path) -> None:
        shown, timeout = asked.address.shown, asked.spec.timeout
        if urlsplit(url).scheme not in ("http", "https"):
            raise SourceError(Fault.HOSTILE, f"{shown}: the index names {_kind(url)}, which is not fetched")
        try:
            async with (
                asyncio.timeout(timeout),
                ChartServer(asked.address, asked.creds, asked.spec.pass_credentials) as server,
                server.got(url, {}) as answer,
            ):
                if answer.status != 200:
                    raise await refusal(answer, server, shown, Fault.REF)
                size = 0
                with archive.open("xb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK):
                        size += len(chunk)
                        if size > ARCHIVE_LIMIT:
                            words = f"{shown}: the archive has more than {amount(ARCHIVE_LIMIT)}, which is not taken"
                            raise SourceError(Fault.TOO_LARGE, words)
                        await asyncio.to_thread(file.write, chunk)
        except TimeoutError as error:
            raise too_slow(shown, timeout) from error

    async def _checked(self, archive: Path, entry: Entry, what: str) -> None:
        if not entry.digest:
            return
        found = await asyncio.to_thread(_digest, archive)
        if found != entry.digest:
            words = (
                f"{what} has the digest sha256:{found}, and the index says "
                f"sha256:{entry.digest}; it is not taken; have the repository's index made anew"
            )
            raise SourceError(Fault.HOSTILE, words)

    # ------------------------------------------------------------------------------------------- describing

    async def _described(self, asked: Asked, revision: Revision, commit: str, ignore: IgnoreRules) -> Resolved:
        shown, mirror, spec = asked.address.shown, asked.mirror, asked.spec
        try:
            raw = await mirror.git(["rev-parse", "--verify", f"{commit}^{{tree}}"])
        except Exception as error:
            raise SourceError(Fault.CACHE, f"{shown}: {revision} cannot be read in the cache; tried again") from error
        tree = raw.decode().strip()
        listing = await self.cache.contents.listing(mirror, tree, shown)
        tree = await self.cache.contents.reduced(mirror, listing, ignore, (), shown)
        provenance = Provenance(revision.id, tree, message=f"{spec.chart} {revision.name}\n\nfrom {shown}")
        resolved = Resolved(HELM, spec.url, revision, provenance, tree, str(mirror.folder))
        return self.cache.keep(_key(asked, revision, ignore), resolved)


def index_of(spec: HelmSpec, revision: Revision, index: Index) -> Resolved:
    """Give an index as the content of a source."""
    provenance = Provenance(revision.id, index.digest, message=f"index of {spec.url}")
    return Resolved(HELM, spec.url, revision, provenance, index.digest, str(index.folder), single=index.file.name)


def _item(asked: Asked, revision: Revision) -> Item:
    told = f"{asked.spec.chart}\0{revision.id}\0{asked.spec.unwrap}"
    ref = f"refs/trueup/{CHART}/{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    return Item(ref, revision.id, asked.address.shown)


def _name(asked: Asked, revision: Revision) -> str:
    """Name a version among those of all charts."""
    return f"{asked.spec.chart}\0{revision.name}"


def _key(asked: Asked, revision: Revision, ignore: IgnoreRules) -> Key:
    return (asked.mirror.address, revision.id, revision.name, f"{ignore.key}\0{asked.spec.chart}\0{asked.spec.unwrap}")


def _message(spec: HelmSpec, entry: Entry) -> bytes:
    return msgspec.json.encode({"chart": spec.chart, "version": entry.version, "created": entry.created})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kind(url: str) -> str:
    return f"an archive by {URL(url).scheme}://" if "://" in url else "an archive that is no URL"
