"""Helm repositories as a kind of source: charts by an index, or charts in a registry through the OCI sources."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import msgspec

from trueup.core.model.artifact import (
    CHART,
    Fault,
    IgnoreRules,
    Resolved,
    Revision,
    SourceCredentials,
    SourceError,
    SourceSpec,
)
from trueup.core.model.recipe import TreeIds
from trueup.core.repository.helm import CHART_NAME, HELM, VALUES_FILES, HelmSpec
from trueup.core.repository.oci import OciRef, OciSpec
from trueup.sources.helm.address import APART
from trueup.sources.helm.choosing import LATEST
from trueup.sources.helm.known_versions import known_revision, remember
from trueup.sources.helm.repositories import HelmSource
from trueup.sources.helm.values import found_files, read_text, rewritten, with_files
from trueup.sources.oci import OciSource
from trueup.sources.oci.address import read_address
from trueup.sources.oci.manifests import CHART as CHART_LAYER
from trueup.sources.registry import ContentOnDisk

_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


REWRITTEN_KEPT = 500


class _Index(msgspec.Struct, frozen=True):
    """An index on disk, and its ids: it is one file."""

    path: Path
    digest: str

    @property
    def ids(self) -> TreeIds:
        """The digest of every path."""
        return self

    def entry(self, path: str) -> str | None:
        """Give the id of what stands at a path."""
        return self.digest if path in (".", "index.yaml") else None

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give the names in a folder."""
        return ("index.yaml",) if path == "." else None


class HelmProvider:
    """Implements `SourceProvider` for repositories of charts."""

    kind = HELM

    def __init__(self, helm: HelmSource, oci: OciSource) -> None:
        """Take the repositories with an index, and the registries."""
        self._helm = helm
        self._oci = oci
        self._rewritten: OrderedDict[tuple[str, HelmSpec], tuple[str, tuple[str, ...]]] = OrderedDict()

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Find the version that is wanted. `at` is a version, a range or a revision."""
        wanted = _there(spec)
        version = wanted.version
        if at:
            with suppress(ValueError):
                parsed = Revision.parse(at)
                at = parsed.name or at
            version = at
        if not wanted.registry:
            return await self._helm.resolve(wanted, credentials, version, fresh)
        try:
            found = await self._oci.resolve(_artifact(wanted, version), credentials, fresh)
        except SourceError as error:
            if error.fault is not Fault.REF or not _EXACT.fullmatch(version):
                raise
            # Tags tell which versions there are; the one that is wanted may be there in another spelling.
            found = await self._oci.resolve(_artifact(wanted, f"={version}"), credentials, fresh)
        return _chart_revision(found, wanted)

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a chart's tree, fetched if it is not here."""
        wanted = _there(spec)
        if not wanted.registry:
            return await self._finished(wanted, await self._helm.fetch(wanted, revision, credentials, ignore))
        artifact = _artifact(wanted, revision.name)
        found = await self._oci.fetch(artifact, _oci_revision(revision), credentials, ignore)
        await remember(self._oci.mirror(artifact), revision, found.url)
        return await self._finished(wanted, msgspec.structs.replace(found, revision=revision))

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a chart's tree without any network; `None` where it is not here, or not for these credentials."""
        wanted = _there(spec)
        if not wanted.registry:
            known = await self._helm.recall(wanted, revision, credentials, ignore)
            return await self._finished(wanted, known) if known is not None else None
        artifact = _artifact(wanted, revision.name)
        whole = revision if revision.digest else await known_revision(self._oci.mirror(artifact), revision.name)
        if whole is None:
            return None
        found = await self._oci.recall(artifact, _oci_revision(whole), credentials, ignore)
        if found is None:
            return None
        return await self._finished(wanted, msgspec.structs.replace(found, revision=whole))

    async def _finished(self, spec: HelmSpec, found: Resolved) -> Resolved:
        """Give a chart with the values that are wanted, and its name."""
        if not spec.chart:
            return found
        key = (found.tree, spec)
        known = self._rewritten.get(key)
        if known is None:
            known = await self._with_values(spec, found) if spec.values_files else (found.tree, ())
            self._rewritten[key] = known
            while len(self._rewritten) > REWRITTEN_KEPT:
                self._rewritten.popitem(last=False)
        tree, files = known
        metadata = {CHART_NAME: spec.chart, VALUES_FILES: "\n".join(files)}
        verified = f"verified signature of version {found.revision.name}" if found.verified else ""
        return msgspec.structs.replace(found, tree=tree, metadata=metadata, verified=verified)

    async def _with_values(self, spec: HelmSpec, found: Resolved) -> tuple[str, tuple[str, ...]]:
        cache, shown = self._helm.cache, f"{spec.url}: chart {spec.chart!r}"
        mirror, listing = cache.mirror_of(found), await cache.tree(found)
        root = "" if spec.unwrap else f"{spec.chart}/"
        wanted = [root + file.removeprefix("./") for file in spec.values_files]
        files = found_files(listing, wanted, spec.ignore_missing, shown)
        texts = [(path, await read_text(mirror, found.tree, path, shown)) for path in files]
        merged = {f"{root}values.yaml": (await rewritten(shown, texts)).values} if files else {}
        tree = await with_files(mirror, (found.tree, ""), merged, cache.settings.cache, shown)
        return tree, tuple(path.removeprefix(root) for path in files)

    async def ids(self, resolved: Resolved) -> TreeIds:
        """Give the id of every path, as Git has it."""
        if resolved.single:
            return _Index(Path(resolved.location), resolved.tree)
        return await self._helm.cache.tree(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[ContentOnDisk]:
        """Hold the files on disk."""
        return _held_index(resolved) if resolved.single else self._helm.cache.checkout(resolved)

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose sources follow a chart now."""
        wanted = _helm(spec)
        if not wanted.registry:
            self._helm.followed(wanted, tenants)
        elif wanted.chart and not wanted.missing:
            self._oci.followed(_artifact(wanted, ""), tenants)

    def sweep(self) -> None:
        """Remove what an earlier process has left and nobody follows."""
        self._helm.cache.sweep()

    def forget(self, spec: SourceSpec) -> None:
        """Remove what is kept of a chart, and all that is known of it."""
        wanted = _helm(spec)
        if not wanted.registry:
            self._helm.forget(wanted)
        elif wanted.chart:
            self._oci.forget(_artifact(wanted, ""))


@asynccontextmanager
async def _held_index(resolved: Resolved) -> AsyncIterator[_Index]:
    yield _Index(Path(resolved.location), resolved.tree)


def _helm(spec: SourceSpec) -> HelmSpec:
    if not isinstance(spec, HelmSpec):
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no Helm repository")
    return spec


def _there(spec: SourceSpec) -> HelmSpec:
    wanted = _helm(spec)
    if wanted.missing:
        raise SourceError(Fault.NOT_FOUND, wanted.missing)
    return wanted


def _artifact(spec: HelmSpec, version: str) -> OciSpec:
    """Give a chart in a registry as an artifact; a tag has `_` where a version has `+`, as Helm pushes it."""
    exact = _EXACT.fullmatch(version.strip())
    ref = OciRef(tag=version.strip().replace("+", "_")) if exact else OciRef(semver=version.strip() or LATEST)
    return OciSpec(
        url=f"{spec.url.rstrip('/')}/{spec.chart}",
        ref=ref,
        media_type=CHART_LAYER,
        insecure=spec.insecure,
        timeout=spec.timeout,
        unwrap=spec.unwrap,
        apart=APART,
        signed=spec.signed,
    )


def _chart_revision(found: Revision, spec: HelmSpec) -> Revision:
    algorithm, _, id = found.digest.partition(":")
    if algorithm != "sha256":
        shown = read_address(_artifact(spec, "").url).shown
        raise SourceError(Fault.PROTOCOL, f"{shown}: the registry gives digests by {algorithm}, which are not read")
    return Revision(found.name.replace("_", "+"), f"{CHART}:{id}")


def _oci_revision(revision: Revision) -> Revision:
    return Revision(revision.name.replace("+", "_"), f"sha256:{revision.id}")
