"""Repositories of registries as sources: digests shared by all who ask, layers fetched once, trees known by their ids.

A layer's files are put into a Git repository of ours, one for each URL: so they are listed, left out, written and
bounded as those of Git sources, and a tag that brings the same files brings the same tree.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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
from trueup.git.mirror import Mirror
from trueup.sources.cache import Cache, Key
from trueup.sources.imports import Imports, Item, too_slow
from trueup.sources.oci.address import OciAddress, read_address
from trueup.sources.oci.expressions import fitting
from trueup.sources.oci.manifests import (
    CHART,
    INDEXES,
    Choice,
    Layer,
    Manifest,
    best_tag,
    child_of,
    choice_of,
    layer_of,
    provenance_of,
    read_manifest,
    told,
)
from trueup.sources.oci.registry import Registry, Tokens
from trueup.sources.oci.signatures import public_keys, verify
from trueup.sources.polls import Polls
from trueup.sources.proofs import Turns
from trueup.sources.web.credentials import WebCredentials, web_credentials

BLOB_LIMIT = 512 * 1024 * 1024
"""Bytes of a layer as it lies in the registry."""

_DENIED = (Fault.CREDENTIALS, Fault.NOT_FOUND)


class _Origin(msgspec.Struct):
    """What is kept beside the files of an artifact, as the message of their commit."""

    annotations: dict[str, str]


class OciSource:
    """All registries' repositories of this process. What is on disk is in the cache that all kinds of sources share."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self.cache = cache
        self._polls: Polls[Revision] = Polls(cache.settings.poll_window)
        self._turns = Turns(cache.settings.parallel)
        self._tokens: Tokens = {}
        self._imports = Imports(cache)

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
        trusted = _trusted(spec, credentials)
        key = _key(address, spec, revision, ignore, trusted)
        if (known := self.cache.known(key)) is not None:
            return known
        mirror = self.cache.mirror(address.kept)
        signature = _signature(mirror, revision, trusted)
        if trusted and self.cache.proofs.since(signature) is None:
            await self._verify(spec, address, creds, revision, credentials.keys if credentials is not None else {})
            await self.cache.proofs.let_in(signature)
        async with self._turn(address, creds):
            commit = await self._imports.commit(mirror, _item(spec, address, revision))
            if not commit:
                commit = await self._fetched(spec, address, creds, revision)
        described = await self._described(spec, (address, mirror), (revision, commit), ignore)
        return self.cache.keep(key, msgspec.structs.replace(described, verified=_said(trusted, revision)))

    async def recall(
        self, spec: OciSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an artifact that was fetched before, without any network, to whom the registry has let in before."""
        address = _address(spec)
        mirror = self.cache.mirror(address.kept)
        if self.cache.proofs.since(_proof(mirror, web_credentials(credentials, address))) is None:
            return None
        trusted = _trusted(spec, credentials)
        key = _key(address, spec, revision, ignore, trusted)
        if (known := self.cache.known(key)) is not None:
            return known
        commit = await self._imports.commit(mirror, _item(spec, address, revision))
        if not commit or (trusted and self.cache.proofs.since(_signature(mirror, revision, trusted)) is None):
            return None
        described = await self._described(spec, (address, mirror), (revision, commit), ignore)
        return self.cache.keep(key, msgspec.structs.replace(described, verified=_said(trusted, revision)))

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
            self._polls.forget(address.address)
            self.cache.forget(address.kept.address)

    # ----------------------------------------------------------------------------------------------- asking

    def _turn(self, address: OciAddress, creds: WebCredentials) -> asyncio.Semaphore:
        return self._turns.of(f"{address.host} {creds.who}")

    async def _poll(
        self, spec: OciSpec, address: OciAddress, creds: WebCredentials, choice: Choice, fresh: bool
    ) -> Revision:
        """Ask for the digest of a tag, once for all who ask the same with the same credentials."""

        async def ask() -> Revision:
            return await self._asked(spec, address, creds, choice)

        return await self._polls.one((address.address, creds.who, choice), self._turn(address, creds), ask, fresh)

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
            raise too_slow(address.shown, spec.timeout) from error
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

    async def _verify(
        self,
        spec: OciSpec,
        address: OciAddress,
        creds: WebCredentials,
        revision: Revision,
        given: Mapping[str, bytes],
    ) -> None:
        """Find a signature by one of the keys that are given. Raises `SourceError` where there is none."""
        keys = public_keys(given, "of spec.verify", address.shown)
        try:
            async with (
                self._turn(address, creds),
                asyncio.timeout(spec.timeout),
                Registry(address, creds, spec.insecure, self._tokens) as registry,
            ):
                await verify(registry, revision.digest, keys, address.shown)
        except TimeoutError as error:
            raise too_slow(address.shown, spec.timeout) from error

    # --------------------------------------------------------------------------------------------- fetching

    async def _fetched(self, spec: OciSpec, address: OciAddress, creds: WebCredentials, revision: Revision) -> str:
        """Bring an artifact's files here within the quotas, and give their commit."""
        mirror, item = self.cache.mirror(address.kept), _item(spec, address, revision)
        return await self._imports.brought(mirror, item, lambda: self._bring(spec, address, creds, revision))

    async def _bring(self, spec: OciSpec, address: OciAddress, creds: WebCredentials, revision: Revision) -> None:
        shown = address.shown
        async with self._imports.folder(shown) as folder:
            try:
                async with asyncio.timeout(spec.timeout):
                    manifest, layer = await self._layer(spec, address, creds, revision, folder / "blob")
            except TimeoutError as error:
                raise too_slow(shown, spec.timeout) from error
            await self._imports.unpack(
                self.cache.mirror(address.kept),
                _item(spec, address, revision),
                folder / "blob",
                f"the layer {layer.digest}",
                message=msgspec.json.encode(_Origin(told(manifest.annotations))),
                strip=(spec.only or spec.unwrap) and layer.media_type == CHART,
            )

    async def _layer(
        self, spec: OciSpec, address: OciAddress, creds: WebCredentials, revision: Revision, target: Path
    ) -> tuple[Manifest, Layer]:
        """Write the layer that is wanted to a file."""
        shown = address.shown
        async with Registry(address, creds, spec.insecure, self._tokens) as registry:
            _, raw = await registry.manifest(revision.digest)
            if raw.get("mediaType") in INDEXES or "manifests" in raw:
                _, raw = await registry.manifest(child_of(raw, shown))
            manifest = read_manifest(raw, shown)
            layer = layer_of(manifest, spec.media_type, spec.only, shown)
            if layer.size > BLOB_LIMIT:
                words = f"{shown}: the layer has {amount(layer.size)}, and one may have {amount(BLOB_LIMIT)}"
                raise SourceError(Fault.TOO_LARGE, words)
            await registry.blob(layer.digest, layer.size, target)
        return manifest, layer

    # ------------------------------------------------------------------------------------------- describing

    async def _described(
        self,
        spec: OciSpec,
        place: tuple[OciAddress, Mirror],
        found: tuple[Revision, str],
        ignore: IgnoreRules,
    ) -> Resolved:
        address, mirror = place
        revision, commit = found
        made = await self._imports.read(mirror, commit, _item(spec, address, revision))
        origin = msgspec.json.decode(made.message, type=_Origin)
        tree = await self._imports.tree(mirror, made.tree, ignore, address.shown)
        provenance = provenance_of(revision.digest, made.tree, origin.annotations)
        location = str(mirror.folder)
        return Resolved(OCI, spec.url, revision, provenance, tree, location, metadata=origin.annotations)


def _address(spec: OciSpec) -> OciAddress:
    return msgspec.structs.replace(read_address(spec.url), apart=spec.apart)


def _kept(spec: OciSpec, revision: Revision) -> str:
    """Name what is kept of an artifact: its digest, and which layer of it in which form."""
    told = "\0".join((revision.digest, spec.media_type, str(spec.only), *(("unwrapped",) if spec.unwrap else ())))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _item(spec: OciSpec, address: OciAddress, revision: Revision) -> Item:
    return Item(f"refs/trueup/oci/{_kept(spec, revision)}", revision.id, address.shown)


def _trusted(spec: OciSpec, credentials: SourceCredentials | None) -> str:
    """Name the keys whose signatures count, empty where none is wanted."""
    if not spec.signed:
        return ""
    keys = sorted(credentials.keys.items()) if credentials is not None else []
    return hashlib.sha256(msgspec.json.encode(keys)).hexdigest()[:32]


def _said(trusted: str, revision: Revision) -> str:
    return f"verified signature of revision {revision}" if trusted else ""


def _signature(mirror: Mirror, revision: Revision, trusted: str) -> str:
    """Name what is remembered of a signature that was found: it holds for good, a digest is always the same content."""
    return f"{mirror.key}.signed-{revision.id}-{trusted}"


def _key(address: OciAddress, spec: OciSpec, revision: Revision, ignore: IgnoreRules, trusted: str) -> Key:
    taken = f"{ignore.key}\0{spec.media_type}\0{spec.only}\0{spec.unwrap}\0{trusted}"
    return (address.kept.address, revision.id, revision.name, taken)


def _proof(mirror: Mirror, creds: WebCredentials) -> str:
    return f"{mirror.key}.{creds.who}"
