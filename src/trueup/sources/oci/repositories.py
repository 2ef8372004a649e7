"""Repositories of registries as sources: digests shared by all who ask, layers fetched once, trees known by their ids.

A layer's files are put into a Git repository of ours, one for each URL: so they are listed, left out, written and
bounded as those of Git sources, and a tag that brings the same files brings the same tree.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

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
from trueup.fairness import TENANT
from trueup.git.access import base_environment
from trueup.git.commits import parse_commit
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk
from trueup.scripts import run_script
from trueup.shared import Shared
from trueup.sources.cache import Cache, Key
from trueup.sources.oci.address import OciAddress, read_address
from trueup.sources.oci.credentials import OciCredentials, oci_credentials
from trueup.sources.oci.expressions import fitting
from trueup.sources.oci.manifests import (
    CHART,
    INDEXES,
    Choice,
    Layer,
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

BLOB_LIMIT = 512 * 1024 * 1024
"""Bytes of a layer as it lies in the registry."""

UNPACK_SECONDS = 300.0
ANSWERS_KEPT = 10_000
REFUSED_KEPT = 1000
REFUSED_SECONDS = 600.0
"""Seconds for which a layer that was refused for what it holds is not fetched again."""

_SCRIPT = Path(__file__).with_name("unpacking.py")
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
        self._refused: OrderedDict[tuple[str, str], tuple[float, SourceError]] = OrderedDict()

    async def resolve(self, spec: OciSpec, credentials: SourceCredentials | None, fresh: bool = False) -> Revision:
        """Ask which digest is wanted; for a digest only whether the registry lets these credentials in."""
        address = read_address(spec.url)
        creds = oci_credentials(credentials, address)
        choice = choice_of(spec.ref, address.shown)
        if choice.digest:
            await self._prove(spec, address, creds, choice.digest)
            return Revision("", choice.digest)
        return await self._poll(spec, address, creds, choice, fresh)

    async def fetch(
        self, spec: OciSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give an artifact, fetched if it is not here, to whom the registry lets in. Raises `SourceError`."""
        address = read_address(spec.url)
        creds = oci_credentials(credentials, address)
        await self._prove(spec, address, creds, revision.digest)
        key = _key(address, spec, revision, ignore)
        if (known := self.cache.known(key)) is not None:
            return known
        mirror = self.cache.mirror(address.kept)
        async with self._turn(address, creds):
            commit = await _commit(mirror, spec, revision)
            if not commit:
                commit = await self._fetched(spec, address, creds, revision)
        return await self._described(key, spec, (address, mirror), (revision, commit), ignore)

    async def recall(
        self, spec: OciSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give an artifact that was fetched before, without any network, to whom the registry has let in before."""
        address = read_address(spec.url)
        mirror = self.cache.mirror(address.kept)
        if self.cache.proofs.since(_proof(mirror, oci_credentials(credentials, address))) is None:
            return None
        key = _key(address, spec, revision, ignore)
        if (known := self.cache.known(key)) is not None:
            return known
        commit = await _commit(mirror, spec, revision)
        return await self._described(key, spec, (address, mirror), (revision, commit), ignore) if commit else None

    def followed(self, spec: OciSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a repository now."""
        with suppress(SourceError):
            self.cache.quotas.followed(read_address(spec.url).address, tenants)

    def forget(self, spec: OciSpec) -> None:
        """Remove all that is kept and known of a repository that no source follows any more."""
        with suppress(SourceError):
            address = read_address(spec.url).address
            self._answers = {key: answer for key, answer in self._answers.items() if key[0] != address}
            self.cache.forget(address)

    # ----------------------------------------------------------------------------------------------- asking

    def _turn(self, address: OciAddress, creds: OciCredentials) -> asyncio.Semaphore:
        return self._turns.of(f"{address.host} {creds.who}")

    async def _poll(
        self, spec: OciSpec, address: OciAddress, creds: OciCredentials, choice: Choice, fresh: bool
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

    async def _asked(self, spec: OciSpec, address: OciAddress, creds: OciCredentials, choice: Choice) -> Revision:
        """Ask a registry for a digest; its answer proves that it lets these credentials in, or does not."""
        proof = _proof(self.cache.mirror(address.kept), creds)
        try:
            async with asyncio.timeout(spec.timeout):
                async with Registry(address, creds, spec.insecure, self._tokens) as registry:
                    tag = choice.tag
                    if choice.versions:
                        tags = fitting(await registry.tags(), choice.pattern, address.shown)
                        tag = best_tag(tags, choice, address.shown)
                    found = Revision(tag, await registry.digest(choice.digest or tag))
        except TimeoutError as error:
            raise _too_slow(address, spec.timeout) from error
        except SourceError as error:
            if error.fault in _DENIED:
                await self.cache.proofs.refused(proof)
            raise
        await self.cache.proofs.let_in(proof)
        return found

    async def _prove(self, spec: OciSpec, address: OciAddress, creds: OciCredentials, digest: str) -> None:
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

    async def _fetched(self, spec: OciSpec, address: OciAddress, creds: OciCredentials, revision: Revision) -> str:
        """Bring an artifact's files here within the quotas, and give their commit."""
        quotas, tenant, mirror = self.cache.quotas, TENANT.get(), self.cache.mirror(address.kept)
        held = (address.address, _kept(spec, revision))
        since, error = self._refused.get(held, (0.0, None))
        if error is not None and time.monotonic() - since < REFUSED_SECONDS:
            raise SourceError(error.fault, str(error))
        quotas.admit(mirror, tenant, revision.id, address.shown)
        try:
            await self._bring(spec, address, creds, revision)
            if quotas.too_large(await quotas.measure(mirror)):
                # What was wanted once may be most of it: only what is wanted now is fetched anew.
                await mirror.renew()
                await self._bring(spec, address, creds, revision)
                await quotas.measure(mirror)
            quotas.check(mirror, tenant, revision.id, address.shown)
        except SourceError as refused:
            if refused.fault in (Fault.HOSTILE, Fault.TOO_LARGE):
                self._refused[held] = (time.monotonic(), refused)
                while len(self._refused) > REFUSED_KEPT:
                    self._refused.popitem(last=False)
            raise
        commit = await _commit(mirror, spec, revision)
        if not commit:
            raise SourceError(Fault.CACHE, f"{address.shown}: {revision} was fetched and is not there; tried again")
        return commit

    async def _bring(self, spec: OciSpec, address: OciAddress, creds: OciCredentials, revision: Revision) -> None:
        folder = self.cache.settings.cache / "mirrors" / f"{uuid4().hex}.part"
        shown = address.shown
        try:
            folder.mkdir(parents=True)
            async with asyncio.timeout(spec.timeout):
                async with Registry(address, creds, spec.insecure, self._tokens) as registry:
                    _, raw = await registry.manifest(revision.digest)
                    if raw.get("mediaType") in INDEXES or "manifests" in raw:
                        _, raw = await registry.manifest(child_of(raw, shown))
                    manifest = read_manifest(raw, shown)
                    layer = layer_of(manifest, spec.media_type, spec.only, shown)
                    if layer.size > BLOB_LIMIT:
                        words = f"{shown}: the layer has {amount(layer.size)}, and one may have {amount(BLOB_LIMIT)}"
                        raise SourceError(Fault.TOO_LARGE, words)
                    await registry.blob(layer.digest, layer.size, folder / "blob")
            message = msgspec.json.encode(_Origin(told(manifest.annotations)))
            mirror = self.cache.mirror(address.kept)
            await mirror.take(lambda git: self._unpack(git, folder / "blob", (spec, revision, layer), message, shown))
        except TimeoutError as error:
            raise _too_slow(address, spec.timeout) from error
        except OSError as error:
            raise disk(error, shown) from error
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _unpack(
        self, git: Path, blob: Path, what: tuple[OciSpec, Revision, Layer], message: bytes, shown: str
    ) -> None:
        spec, revision, layer = what
        limits = self.cache.settings.limits
        strip = "1" if spec.only and layer.media_type == CHART else "0"
        numbers = [str(each) for each in (limits.tree, limits.file, limits.files, limits.depth)]
        arguments = [self.cache.settings.git, str(blob), _ref(spec, revision), strip, *numbers]
        environment = base_environment() | {"GIT_DIR": str(git)}
        try:
            async with asyncio.timeout(UNPACK_SECONDS):
                said = await run_script(_SCRIPT, arguments, stdin=message, environment=environment)
        except RuntimeError as error:
            raise SourceError(Fault.CACHE, f"{shown}: the layer cannot be unpacked: {error}") from error
        if "refused" in said:
            fault = Fault.TOO_LARGE if said["too_large"] else Fault.HOSTILE
            words = f"{shown}: the layer {layer.digest} is not taken: {said['refused']}; push another artifact"
            raise SourceError(fault, words)

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


def _kept(spec: OciSpec, revision: Revision) -> str:
    """Name what is kept of an artifact: its digest, and which layer of it in which form."""
    told = "\0".join((revision.digest, spec.media_type, str(spec.only)))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _ref(spec: OciSpec, revision: Revision) -> str:
    return f"refs/trueup/oci/{_kept(spec, revision)}"


async def _commit(mirror: Mirror, spec: OciSpec, revision: Revision) -> str:
    """Give the commit of an artifact's files, empty where they are not here."""
    if mirror.suspect or not mirror.folder.exists():
        return ""
    try:
        raw = await mirror.git(["rev-parse", "--verify", "--quiet", f"{_ref(spec, revision)}^{{commit}}"])
    except GitFailed:
        return ""
    return raw.decode().strip()


def _key(address: OciAddress, spec: OciSpec, revision: Revision, ignore: IgnoreRules) -> Key:
    return (address.address, revision.id, revision.name, f"{ignore.key}\0{spec.media_type}\0{spec.only}")


def _proof(mirror: Mirror, creds: OciCredentials) -> str:
    return f"{mirror.key}.{creds.who}"


def _too_slow(address: OciAddress, timeout: float) -> SourceError:
    words = (
        f"{address.shown}: no answer within {timeout:.0f} s; it is tried again; what was fetched before stays in use"
    )
    return SourceError(Fault.TIMEOUT, words)
