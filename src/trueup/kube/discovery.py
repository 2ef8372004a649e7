"""Which kinds the cluster serves, under which versions, and whether they are known at all.

`Mapper` reads aggregated discovery (two requests for the whole cluster) or, where a server does not offer it, the older
form group by group. A group whose aggregated API does not answer is *unavailable*: nothing may be concluded about its
objects, which is not the same as being absent, and what was known of its kinds stays known. An unknown kind has the
mapper look again, at most every few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import Capabilities
from trueup.kube.client import KubeClient
from trueup.kube.errors import BadAnswer, KindNotServed, KindUnavailable, KubeError, Unsupported
from trueup.kube.resource import Resource, unserved

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
_T = TypeVar("_T")
_REFRESH_PAUSE_SECONDS = 2.0
_UNAVAILABLE_PAUSE_SECONDS = 15.0


# ------------------------------------------------------------------------------------------- as served (wire)


class _Kind(msgspec.Struct):
    kind: str = ""


class _Subresource(msgspec.Struct):
    subresource: str = ""


class _AggregatedResource(msgspec.Struct, rename="camel"):
    resource: str = ""
    response_kind: _Kind = msgspec.field(default_factory=_Kind)
    scope: str = ""
    singular_resource: str = ""
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[_Subresource, ...] = ()


class _AggregatedVersion(msgspec.Struct):
    version: str = ""
    freshness: str = "Current"
    resources: tuple[_AggregatedResource, ...] = ()


class _Name(msgspec.Struct):
    name: str = ""


class _AggregatedGroup(msgspec.Struct):
    metadata: _Name = msgspec.field(default_factory=_Name)
    versions: tuple[_AggregatedVersion, ...] = ()


class _AggregatedList(msgspec.Struct):
    kind: str = ""
    items: tuple[_AggregatedGroup, ...] = ()


class _GroupVersion(msgspec.Struct, rename="camel"):
    group_version: str = ""
    version: str = ""


class _LegacyGroup(msgspec.Struct, rename="camel"):
    name: str = ""
    versions: tuple[_GroupVersion, ...] = ()
    preferred_version: _GroupVersion = msgspec.field(default_factory=_GroupVersion)


class _LegacyGroups(msgspec.Struct):
    kind: str = ""
    groups: tuple[_LegacyGroup, ...] = ()


class _LegacyVersions(msgspec.Struct):
    versions: tuple[str, ...] = ()


class _LegacyResource(msgspec.Struct, rename="camel"):
    name: str = ""
    singular_name: str = ""
    namespaced: bool = False
    kind: str = ""
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class _LegacyResources(msgspec.Struct):
    resources: tuple[_LegacyResource, ...] = ()


class _VersionInfo(msgspec.Struct, rename="camel"):
    git_version: str = ""


# ------------------------------------------------------------------------------------------------- the catalog


class Catalog(msgspec.Struct, frozen=True):
    """What a cluster served at one moment. Versions of a group are in the server's order of preference.

    `unavailable` has the (group, version) pairs that are registered and whose API did not answer.
    """

    resources: tuple[Resource, ...] = ()
    unavailable: frozenset[tuple[str, str]] = frozenset()
    kube_version: str = ""

    def keeping(self, before: Catalog) -> Catalog:
        """Give this catalog with what was known of those APIs that now do not answer."""
        named = {(each.group, each.version) for each in self.resources}
        silent = self.unavailable - named
        kept = tuple(each for each in before.resources if (each.group, each.version) in silent)
        return msgspec.structs.replace(self, resources=self.resources + kept) if kept else self

    def capabilities(self) -> Capabilities:
        """Give what templates may ask of the cluster, as Helm names it: `apps/v1` and `apps/v1/Deployment`."""
        names = {each.api_version for each in self.resources}
        names |= {f"{each.api_version}/{each.kind}" for each in self.resources}
        return Capabilities(self.kube_version, tuple(sorted(names)))


class Mapper:
    """Finds the resource of a kind. Asks the cluster only for kinds it does not know, and when told to."""

    def __init__(self, client: KubeClient, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the client, and a clock in monotonic seconds."""
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._refreshed_at = float("-inf")
        self._stale = True
        self._listeners: list[Callable[[], None]] = []
        self._by_kind: dict[tuple[str, str], tuple[Resource, ...]] = {}
        self._capabilities = Capabilities()
        self.catalog = Catalog()

    # -- without asking

    def known(self, group: str, kind: str, version: str = "") -> Resource | None:
        """Give a kind's resource from what is known: the preferred version where none is named. Asks nobody."""
        found = self._by_kind.get((group, kind))
        if not found:
            return None
        if not version:
            return found[0]
        return next((each for each in found if each.version == version), None)

    def resources(self) -> tuple[Resource, ...]:
        """All resources of all versions."""
        return self.catalog.resources

    def preferred(self) -> tuple[Resource, ...]:
        """One resource for each kind, in its preferred version."""
        return tuple(versions[0] for versions in self._by_kind.values())

    @property
    def unavailable(self) -> frozenset[tuple[str, str]]:
        """The (group, version) pairs that are registered and whose API does not answer: their objects are unknown."""
        return self.catalog.unavailable

    def is_unavailable(self, group: str, version: str = "") -> bool:
        """Say whether a group's API (or this version of it) is registered and does not answer."""
        return any(
            group == dead_group and version in ("", dead_version)
            for dead_group, dead_version in self.catalog.unavailable
        )

    def lookup(self, word: str) -> tuple[Resource, ...]:
        """Find resources as kubectl does: by kind, plural, singular or short name, with `.group` where given."""
        name, _, group = word.lower().partition(".")
        return tuple(
            each
            for each in self.preferred()
            if name in (each.plural, each.singular, each.kind.lower(), *each.short_names)
            and (not group or each.group == group or group == f"{each.version}.{each.group}")
        )

    def capabilities(self) -> Capabilities:
        """Give what templates may ask of the cluster, as last read."""
        return self._capabilities

    @property
    def kube_version(self) -> str:
        """The API server's version, such as `v1.37.2`; empty before the first reading."""
        return self.catalog.kube_version

    # -- asking

    async def find(self, group: str, kind: str, version: str = "") -> Resource | None:
        """Give a kind's resource, looking again where it is not known; `None` where the cluster serves no such kind.

        Raises `KindUnavailable` where the API of its group does not answer and the kind was never seen (then nothing is
        known of its objects), and `KubeError` where the cluster cannot be asked.
        """
        found = None if self._stale else self.known(group, kind, version)
        if found is None:
            await self.learn()
            found = self.known(group, kind, version)
        if found is None and self.is_unavailable(group, version):
            shown = _shown(group, kind, version)
            raise KindUnavailable(f"the API of {shown} is registered and does not answer")
        return found

    async def of(self, ref: ObjectRef, version: str = "") -> Resource:
        """Give the resource of an object. Raises `KindNotServed`, and as `find` does."""
        found = await self.find(ref.group, ref.kind, version)
        if found is not None:
            return found
        shown = _shown(ref.group, ref.kind, version)
        raise KindNotServed(unserved(shown, ref.group, ref.kind, self.catalog.resources))

    async def learn(self) -> None:
        """Look again, unless that was done a moment ago and nothing has said that it changed."""
        async with self._lock:
            age = self._clock() - self._refreshed_at
            if self._stale or age >= _REFRESH_PAUSE_SECONDS:
                await self._refresh()

    async def refresh(self) -> None:
        """Look again now. Raises `KubeError`; what was known stays."""
        async with self._lock:
            await self._refresh()

    async def renew_unavailable(self) -> None:
        """Look again if some API did not answer, and that was some seconds ago."""
        if self.catalog.unavailable and self._clock() - self._refreshed_at >= _UNAVAILABLE_PAUSE_SECONDS:
            await self.learn()

    def invalidate(self) -> None:
        """Note that definitions have changed: the next `find` looks again."""
        self._stale = True

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever a reading found other kinds than before."""
        self._listeners.append(listener)

    def off_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` no longer."""
        self._listeners = [each for each in self._listeners if each != listener]

    async def _refresh(self) -> None:
        self._stale = False
        try:
            catalog = await read_catalog(self._client)
        except KubeError:
            self._stale = True
            raise
        self._refreshed_at = self._clock()
        catalog = catalog.keeping(self.catalog)
        if catalog == self.catalog:
            return
        self.catalog = catalog
        by_kind: dict[tuple[str, str], list[Resource]] = {}
        for each in catalog.resources:
            by_kind.setdefault((each.group, each.kind), []).append(each)
        self._by_kind = {key: tuple(versions) for key, versions in by_kind.items()}
        self._capabilities = catalog.capabilities()
        for listener in list(self._listeners):
            listener()


def _shown(group: str, kind: str, version: str) -> str:
    return ".".join(part for part in (kind, version, group) if part)


# ------------------------------------------------------------------------------------------------ reading it


async def read_catalog(client: KubeClient) -> Catalog:
    """Read what a cluster serves. Raises `KubeError` where the cluster's own discovery cannot be read."""
    version, core, groups = await asyncio.gather(
        client.raw("/version", what="read the version"),
        client.raw("/api", accept=_AGGREGATED, what="discover the core API"),
        client.raw("/apis", accept=_AGGREGATED, what="discover the APIs"),
    )
    kube_version = _decode(version.raw, _VersionInfo, "the version").git_version
    resources: list[Resource] = []
    unavailable: set[tuple[str, str]] = set()
    for raw, is_core in ((core.raw, True), (groups.raw, False)):
        listed = _decode(raw, _AggregatedList, "discovery")
        if listed.kind == "APIGroupDiscoveryList":
            _take_aggregated(listed, resources, unavailable)
        elif is_core:
            versions = _decode(raw, _LegacyVersions, "discovery").versions
            await _take_legacy(client, [("", each) for each in versions], resources, unavailable)
        else:
            found = _decode(raw, _LegacyGroups, "discovery").groups
            pairs = [(group.name, each) for group in found for each in _by_preference(group)]
            await _take_legacy(client, pairs, resources, unavailable)
    if not any(each.group == "" for each in resources):
        raise BadAnswer("discovery names no kind of the core API", what="discover the core API")
    return Catalog(tuple(resources), frozenset(unavailable), kube_version)


def _decode(raw: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise BadAnswer(f"cannot read {what}: {error}", what="discover the APIs") from error


def _by_preference(group: _LegacyGroup) -> list[str]:
    versions = [each.version for each in group.versions]
    preferred = group.preferred_version.version
    return [preferred, *(each for each in versions if each != preferred)] if preferred in versions else versions


def _take_aggregated(listed: _AggregatedList, resources: list[Resource], unavailable: set[tuple[str, str]]) -> None:
    for group in listed.items:
        for version in group.versions:
            # The aggregator keeps listing what a dead API served when it last answered: its kinds stay known.
            if version.freshness == "Stale":
                unavailable.add((group.metadata.name, version.version))
            resources += [
                Resource(
                    group.metadata.name,
                    version.version,
                    each.resource,
                    each.response_kind.kind,
                    each.scope == "Namespaced",
                    each.singular_resource,
                    each.short_names,
                    each.categories,
                    frozenset(each.verbs),
                    frozenset(sub.subresource for sub in each.subresources),
                )
                for each in version.resources
                if each.response_kind.kind and each.verbs
            ]


async def _take_legacy(
    client: KubeClient,
    pairs: Iterable[tuple[str, str]],
    resources: list[Resource],
    unavailable: set[tuple[str, str]],
) -> None:
    async def one(group: str, version: str) -> list[Resource] | None:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            answer = await client.raw(path, what=f"discover {group}/{version}")
            listed = _decode(answer.raw, _LegacyResources, f"discovery of {group}/{version}").resources
        except (KindNotServed, Unsupported):
            return []
        except KubeError as error:
            if not group or not error.retriable:
                raise
            return None
        subresources: dict[str, set[str]] = {}
        for each in listed:
            name, _, sub = each.name.partition("/")
            if sub:
                subresources.setdefault(name, set()).add(sub)
        return [
            Resource(
                group,
                version,
                each.name,
                each.kind,
                each.namespaced,
                each.singular_name,
                each.short_names,
                each.categories,
                frozenset(each.verbs),
                frozenset(subresources.get(each.name, ())),
            )
            for each in listed
            if "/" not in each.name
        ]

    listed_pairs = list(pairs)
    for pair, found in zip(listed_pairs, await asyncio.gather(*(one(*each) for each in listed_pairs)), strict=True):
        if found is None:
            unavailable.add(pair)
        else:
            resources += found
