"""Repositories of registries as sources: digests shared by all who ask, layers fetched once, trees known by their ids.

A layer's files are put into a Git repository of ours, one for each URL: so they are listed, left out, written and
bounded as those of Git sources, and a tag that brings the same files brings the same tree.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress

import msgspec

from trueup.core.model.artifact import (
    Fault,
    IgnoreRules,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    amount,
)
from trueup.core.repository.oci import OCI, OciSpec
from trueup.git.commits import parse_commit
from trueup.git.mirror import Mirror
from trueup.shared import Shared
from trueup.sources.archives import Archives, Wanted
from trueup.sources.cache import Cache, Key
from trueup.sources.oci.address import OciAddress, read_address
from trueup.sources.oci.expressions import fitting
from trueup.sources.oci.manifests import (
    CHART,
    INDEXES,
    Choice,
    best_tag,
    child_of,
    choice_of,
    layer_of,
    provenance_of,
    read_manifest,
    told,
)
from trueup.sources.oci.registry import Registry, Tokens
from trueup.sources.proofs import Turns
from trueup.sources.web.credentials import WebCredentials, web_credentials

BLOB_LIMIT = 512 * 1024 * 1024
"""Bytes of a layer as it lies in the registry."""

ANSWERS_KEPT = 10_000
_DENIED = (Fault.CREDENTIALS, Fault.NOT_FOUND)


class _Origin(msgspec.Struct):
    """What is kept beside the files of an artifact, as the message of their commit."""

    annotations: dict[str, str]


class OciSource:
    """All registries' repositories of this process. What is on disk is in the cache that all kinds of sources share."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self.cache = cache
        self._polls: Shared[Revision] = Shared()
        self._answers: dict[tuple[str, str, Choice], tuple[float, Revision]] = {}
        self._turns = Turns(cache.settings.parallel)
        self._tokens: Tokens = {}
        self._archives = Archives(cache)

    async def resolve(self, spec: OciSpec, credentials: SourceCredentials | None, fresh: bool = False) -> Revision:
        """Ask which digest is wanted; for a digest only whether the registry lets these credentials in."""
        address = _address(spec)
        creds = web_credentials(credentials, address)
        choice = choice_of(spec.ref, address.shown)
        if choice.digest:
            await self._prove(spec, address, creds, choice.digest)
            return Revision("", choice.digest)
        return await self._poll(spec, address, creds, choice, fresh)

    async def fetch(
        self, spec: OciSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give an artifact, fetched if it is not here, to whom the registry lets in. Raises `SourceError`."""
        address = _address(spec)
        creds = web_credentials(credentials, address)
        await self._prove(spec, address, creds, revision.digest)
        key = _key(address, spec, revision, ignore)
        if (known := self.cache.known(key)) is not None:
            return known
        mirror = self.cache.mirror(address.kept)
        async with self._turn(address, creds):
            commit = await self._archives.commit(mirror, _ref(spec, revision))
            if not commit:
                commit = await self._fetched(spec, address, creds, revision)
        return await self._described(key, spec, (address, mirror), (revision, commit), ignore)

    async def recall(
        self, spec: OciSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an artifact that was fetched before, without any network, to whom the registry has let in before."""
        address = _address(spec)
        mirror = self.cache.mirror(address.kept)
        if self.cache.proofs.since(_proof(mirror, web_credentials(credentials, address))) is None:
            return None
        key = _key(address, spec, revision, ignore)
        if (known := self.cache.known(key)) is not None:
            return known
        commit = await self._archives.commit(mirror, _ref(spec, revision))
        return await self._described(key, spec, (address, mirror), (revision, commit), ignore) if commit else None

    def mirror(self, spec: OciSpec) -> Mirror:
        """Give where a repository's artifacts are kept. Raises `SourceError` for a wrong URL."""
        return self.cache.mirror(_address(spec).kept)

    def followed(self, spec: OciSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        with suppress(SourceError):
            self.cache.quotas.followed(_address(spec).kept.address, tenants)

    def forget(self, spec: OciSpec) -> None:
        """Remove all that is kept and known of a repository that no source follows any more."""
        with suppress(SourceError):
            address = _address(spec)
            self._answers = {key: answer for key, answer in self._answers.items() if key[0] != address.address}
            self.cache.forget(address.kept.address)

    # ----------------------------------------------------------------------------------------------- asking

    def _turn(self, address: OciAddress, creds: WebCredentials) -> asyncio.Semaphore:
        return self._turns.of(f"{address.host} {creds.who}")

    async def _poll(
        self, spec: OciSpec, address: OciAddress, creds: WebCredentials, choice: Choice, fresh: bool
    ) -> Revision:
        """Ask for the digest of a tag, once for all who ask the same with the same credentials."""
        key = (address.address, creds.who, choice)
        answer = self._answers.get(key)
        if answer is not None and not fresh and time.monotonic() - answer[0] < self.cache.settings.poll_window:
            return answer[1]

        async def ask() -> Revision:
            async with self._turn(address, creds):
                asked = time.monotonic()
                found = await self._asked(spec, address, creds, choice)
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = (asked, found)
            return found

        began = time.monotonic()
        found = await self._polls.one(key, ask)
        if fresh and (key not in self._answers or self._answers[key][0] < began):
            # Somebody had asked before us, and may not have seen what we are to find.
            found = await self._polls.one(key, ask)
        return found

    async def _asked(self, spec: OciSpec, address: OciAddress, creds: WebCredentials, choice: Choice) -> Revision:
        """Ask a registry for a digest; its answer proves that it lets these credentials in, or does not."""
        proof = _proof(self.cache.mirror(address.kept), creds)
        try:
            async with asyncio.timeout(spec.timeout):
                async with Registry(address, creds, spec.insecure, self._tokens) as registry:
                    tag = choice.tag
                    if choice.versions:
                        tags = fitting(await registry.tags(), choice.pattern, address.shown)
                        tag = best_tag(tags, choice, address.shown, charts=spec.media_type == CHART)
                    found = Revision(tag, await registry.digest(choice.digest or tag))
        except TimeoutError as error:
            raise _too_slow(address, spec.timeout) from error
        except SourceError as error:
            if error.fault in _DENIED:
                await self.cache.proofs.refused(proof)
            raise
        await self.cache.proofs.let_in(proof)
        return found

    async def _prove(self, spec: OciSpec, address: OciAddress, creds: WebCredentials, digest: str) -> None:
        """Have credentials let in where they are not, or not lately. Raises `SourceError` where they are refused.

        A registry that cannot be reached does not take away what it has given before.
        """
        proof = _proof(self.cache.mirror(address.kept), creds)
        if self.cache.proofs.lately(proof):
            return
        try:
            await self._poll(spec, address, creds, Choice(digest=digest), False)
        except SourceError as error:
            if self.cache.proofs.since(proof) is None or error.fault in (*_DENIED, Fault.REF):
                raise

    # --------------------------------------------------------------------------------------------- fetching

    async def _fetched(self, spec: OciSpec, address: OciAddress, creds: WebCredentials, revision: Revision) -> str:
        """Bring an artifact's files here within the quotas, and give their commit."""
        wanted = Wanted(_ref(spec, revision), revision.id, address.shown, str(revision))
        mirror = self.cache.mirror(address.kept)
        return await self._archives.kept(mirror, wanted, lambda: self._bring(spec, address, creds, wanted, revision))

    async def _bring(
        self, spec: OciSpec, address: OciAddress, creds: WebCredentials, wanted: Wanted, revision: Revision
    ) -> None:
        shown = address.shown
        try:
            async with self._archives.folder(shown) as folder:
                async with (
                    asyncio.timeout(spec.timeout),
                    Registry(address, creds, spec.insecure, self._tokens) as registry,
                ):
                    _, raw = await registry.manifest(revision.digest)
                    if raw.get("mediaType") in INDEXES or "manifests" in raw:
                        _, raw = await registry.manifest(child_of(raw, shown))
                    manifest = read_manifest(raw, shown)
                    layer = layer_of(manifest, spec.media_type, spec.only, shown)
                    if layer.size > BLOB_LIMIT:
                        words = f"{shown}: the layer has {amount(layer.size)}, and one may have {amount(BLOB_LIMIT)}"
                        raise SourceError(Fault.TOO_LARGE, words)
                    await registry.blob(layer.digest, layer.size, folder / "blob")
                unwrap = (spec.only or spec.unwrap) and layer.media_type == CHART
                wanted = msgspec.structs.replace(wanted, name=f"the layer {layer.digest}", unwrap=unwrap)
                message = msgspec.json.encode(_Origin(told(manifest.annotations)))
                await self._archives.unpack(self.cache.mirror(address.kept), folder / "blob", wanted, message)
        except TimeoutError as error:
            raise _too_slow(address, spec.timeout) from error

    # ------------------------------------------------------------------------------------------- describing

    async def _described(
        self,
        key: Key,
        spec: OciSpec,
        place: tuple[OciAddress, Mirror],
        found: tuple[Revision, str],
        ignore: IgnoreRules,
    ) -> Resolved:
        address, mirror = place
        revision, commit = found
        raw = await mirror.commit(commit)
        if raw is None:
            raise SourceError(Fault.CACHE, f"{address.shown}: {revision} cannot be read in the cache; tried again")
        made = parse_commit(commit, raw)
        origin = msgspec.json.decode(made.message, type=_Origin)
        listing = await self.cache.contents.listing(mirror, made.tree, address.shown)
        tree = await self.cache.contents.reduced(mirror, listing, ignore, (), address.shown)
        provenance = provenance_of(revision.digest, made.tree, origin.annotations)
        location = str(mirror.folder)
        resolved = Resolved(OCI, spec.url, revision, provenance, tree, location, metadata=origin.annotations)
        return self.cache.keep(key, resolved)


def _address(spec: OciSpec) -> OciAddress:
    return msgspec.structs.replace(read_address(spec.url), apart=spec.apart)


def _kept(spec: OciSpec, revision: Revision) -> str:
    """Name what is kept of an artifact: its digest, and which layer of it in which form."""
    told = "\0".join((revision.digest, spec.media_type, str(spec.only), *(("unwrapped",) if spec.unwrap else ())))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _ref(spec: OciSpec, revision: Revision) -> str:
    return f"refs/trueup/oci/{_kept(spec, revision)}"


def _key(address: OciAddress, spec: OciSpec, revision: Revision, ignore: IgnoreRules) -> Key:
    return (
        address.kept.address,
        revision.id,
        revision.name,
        f"{ignore.key}\0{spec.media_type}\0{spec.only}\0{spec.unwrap}",
    )


def _proof(mirror: Mirror, creds: WebCredentials) -> str:
    return f"{mirror.key}.{creds.who}"


def _too_slow(address: OciAddress, timeout: float) -> SourceError:
    words = (
        f"{address.shown}: no answer within {timeout:.0f} s; it is tried again; what was fetched before stays in use"
    )
    return SourceError(Fault.TIMEOUT, words)
