"""Charts in folders of other sources: packed as a repository would give them, one for each version of theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

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
from trueup.core.repository.helm import CHART_NAME, PACKAGED, VALUES_FILES, PackagedSpec
from trueup.git.commits import parse_commit
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout
from trueup.sources.cache import Cache
from trueup.sources.helm.known_versions import known_revision, remember, unusable
from trueup.sources.helm.values import found_files, read_text, rewritten, with_files
from trueup.sources.registry import SourceProvider

_SHORT = 12
"""Signs of a revision's id that a version bears as its build metadata, as Flux has it."""

_ENVIRONMENT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Trueup"), ("EMAIL", "trueup@localhost"), ("DATE", "@0 +0000"))
}


class _Origin(msgspec.Struct):
    """What is kept beside a packed chart, as the message of its commit: the revision of the source it was packed of."""

    revision: str
    chart: str
    values: tuple[str, ...] = ()


class Holding(SourceProvider, Protocol):
    """A provider of sources that charts may lie in."""

    def mirror(self, spec: SourceSpec) -> Mirror:
        """Give where a source is kept. Raises `SourceError` for a wrong URL."""
        ...


class PackagedCharts:
    """Implements `SourceProvider` for charts that lie in sources of other kinds.

    Whoever may have the source may have its charts; both are kept in the source's mirror.
    """

    kind = PACKAGED

    def __init__(self, cache: Cache, inner: Mapping[str, Holding]) -> None:
        """Take the cache, and the providers of the kinds of sources that charts may lie in."""
        self._cache = cache
        self._inner = inner

    async def resolve(
        self, spec: SourceSpec, credentials: SourceCredentials | None, at: str = "", fresh: bool = False
    ) -> Revision:
        """Pack the chart as it is now, or give the one of this version that was packed before."""
        wanted, source = _packaged(spec)
        inner = self._provider(source)
        revision = await inner.resolve(source, credentials, fresh=fresh)
        found = await inner.fetch(source, revision, credentials, wanted.ignore)
        packed = await self._packed(wanted, found)
        if at and packed.name != at and str(packed) != at:
            words = f"{wanted.url}: the chart in {wanted.path} is {packed.name} now, and {at} cannot be had again"
            raise SourceError(Fault.REF, words)
        return packed

    async def fetch(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved:
        """Give a chart that was packed before."""
        found = await self.recall(spec, revision, credentials, ignore)
        if found is None:
            raise SourceError(Fault.CACHE, f"{spec.url}: the chart {revision} is not here any more; tried again")
        return found

    async def recall(
        self, spec: SourceSpec, revision: Revision, credentials: SourceCredentials | None, ignore: IgnoreRules
    ) -> Resolved | None:
        """Give a chart that was packed before, to whom its source may be given."""
        wanted, source = _packaged(spec)
        inner = self._provider(source)
        mirror = inner.mirror(source)
        whole = revision if revision.digest else await known_revision(mirror, _name(wanted, revision.name))
        raw = await _commit(mirror, whole) if whole is not None else None
        if raw is None or whole is None:
            return None
        made = parse_commit("", raw)
        origin = msgspec.json.decode(made.message, type=_Origin)
        known = await inner.recall(source, Revision.parse(origin.revision), credentials, wanted.ignore)
        if known is None:
            return None
        metadata = {CHART_NAME: origin.chart, VALUES_FILES: "\n".join(origin.values)}
        provenance = msgspec.structs.replace(known.provenance, tree=made.tree)
        whole = Revision(revision.name, whole.digest)
        return Resolved(PACKAGED, wanted.url, whole, provenance, made.tree, known.location, metadata=metadata)

    async def ids(self, resolved: Resolved) -> Listing:
        """Give the id of every path, as Git has it."""
        return await self._cache.tree(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return self._cache.checkout(resolved)

    def followed(self, spec: SourceSpec, tenants: frozenset[str]) -> None:
        """Take note of whose charts follow a source now: they are kept with it."""
        _, source = _packaged(spec)
        self._provider(source).followed(source, tenants)

    def sweep(self) -> None:
        """Charts go with the mirrors of their sources."""

    def forget(self, spec: SourceSpec) -> None:
        """Remove a source that neither charts nor others follow any more."""
        _, source = _packaged(spec)
        self._provider(source).forget(source)

    # ------------------------------------------------------------------------------------------------ packing

    def _provider(self, source: SourceSpec) -> Holding:
        found = self._inner.get(source.kind)
        if found is None:
            raise SourceError(Fault.URL, f"charts in sources of kind {source.kind!r} are not supported yet")
        return found

    async def _packed(self, spec: PackagedSpec, found: Resolved) -> Revision:
        mirror, shown = self._cache.mirror_of(found), f"{spec.url}: chart {spec.path!r}"
        listing = await self._cache.tree(found)
        about = f"{spec.path}/Chart.yaml".removeprefix("./")
        if about not in listing.items:
            words = f"{shown}: there is no {about} at {found.revision}; spec.chart must be the chart's folder"
            raise SourceError(Fault.REF, words)
        files = found_files(listing, spec.values_files, spec.ignore_missing, shown)
        texts = [(path, await read_text(mirror, found.tree, path, shown)) for path in files]
        metadata = found.revision.id[:_SHORT] if spec.by_revision else ""
        chart = await rewritten(shown, texts, await read_text(mirror, found.tree, about, shown), metadata)
        name = _name(spec, chart.version)
        if not spec.by_revision:
            known = await known_revision(mirror, name)
            if known is not None and await _commit(mirror, known) is not None:
                return Revision(chart.version, known.digest)
        folder = listing.entry(spec.path) or ""
        said = "\0".join((folder, chart.version, chart.values if files else "", *files))
        revision = Revision(name, f"{CHART}:{hashlib.sha256(said.encode()).hexdigest()}")
        if await _commit(mirror, revision) is None:
            changed = {f"{chart.name}/values.yaml": chart.values} if files else {}
            if spec.by_revision:
                changed[f"{chart.name}/Chart.yaml"] = chart.chart
            base = (f"{found.tree}:{spec.path}" if spec.path != "." else found.tree, chart.name)
            tree = await with_files(mirror, base, changed, self._cache.settings.cache, shown)
            await _keep(mirror, revision, tree, _Origin(str(found.revision), chart.name, files), shown)
        await remember(mirror, revision, shown)
        return Revision(chart.version, revision.digest)


def _packaged(spec: SourceSpec) -> tuple[PackagedSpec, SourceSpec]:
    if not isinstance(spec, PackagedSpec) or spec.source is None:
        raise SourceError(Fault.URL, f"a source of kind {spec.kind!r} is no chart of another source")
    return spec, spec.source


def _name(spec: PackagedSpec, version: str) -> str:
    """Name a chart's version among all that are packed of one source."""
    return "\0".join((version, spec.path, str(spec.by_revision), *spec.values_files))


def _ref(revision: Revision) -> str:
    return f"refs/trueup/packages/{revision.id}"


async def _commit(mirror: Mirror, revision: Revision) -> bytes | None:
    if not mirror.folder.exists():
        return None
    try:
        raw = await mirror.git(["rev-parse", "--verify", "--quiet", f"{_ref(revision)}^{{commit}}"])
    except GitFailed:
        return None
    return await mirror.commit(raw.decode().strip())


async def _keep(mirror: Mirror, revision: Revision, tree: str, origin: _Origin, shown: str) -> None:
    try:
        made = await mirror.git(["commit-tree", tree], stdin=msgspec.json.encode(origin), extra=_ENVIRONMENT)
        await mirror.git(["update-ref", _ref(revision), made.decode().strip()])
    except GitFailed as error:
        raise unusable(error, shown) from None
