"""What is kept on disk of repositories of every kind: mirrors with their contents by id, trees, proofs and quotas.

Whatever a source fetches ends in a Git repository of ours. So all kinds share one way to list contents, to leave files
out, to write them to disk and to bound what tenants take.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from trueup.core.model.artifact import Fault, Resolved, SourceError
from trueup.fairness import TENANT
from trueup.git.mirror import LetIn, Mirror, mirror_key, remove_leftovers
from trueup.git.process import disk
from trueup.git.settings import GitSettings
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout, Trees
from trueup.git.urls import GitUrl
from trueup.sources.contents import Contents
from trueup.sources.proofs import Proofs
from trueup.sources.quotas import Quotas

RESOLVED_KEPT = 2000

Key = tuple[str, str, str, str]
"""A repository's address, the id and name of a revision, and what is left out of it."""


class Cache:
    """Everything that is kept on disk, for all kinds of sources."""

    def __init__(self, settings: GitSettings, let_in: LetIn | None = None) -> None:
        """Take the settings, and who gives tokens to Git; the folder is made by `start`."""
        self._let_in = let_in
        self.settings = settings
        self.mirrors: dict[str, Mirror] = {}
        self.trees = Trees(settings.cache / "trees", settings.keep_trees, settings.git)
        self.proofs = Proofs(settings.cache / "proofs")
        self.quotas = Quotas(settings.limits, self.trees, self.give_up)
        self.contents = Contents(settings)
        self.resolved: OrderedDict[Key, Resolved] = OrderedDict()

    async def start(self) -> None:
        """Make or take over the folder. Raises `SourceError` where it cannot be used."""
        try:
            self.settings.cache.mkdir(parents=True, exist_ok=True)
            await self.trees.start()
            await self.proofs.start()
            await asyncio.to_thread(remove_leftovers, self.settings.cache)
        except OSError as error:
            raise disk(error, str(self.settings.cache)) from error

    def mirror(self, url: GitUrl) -> Mirror:
        """Give the mirror of an address; nothing is made before the first fetch."""
        mirror = self.mirrors.get(url.address)
        if mirror is None:
            mirror = self.mirrors[url.address] = (
                Mirror(self.settings, url, self._let_in) if self._let_in else Mirror(self.settings, url)
            )
        return mirror

    def known(self, key: Key) -> Resolved | None:
        """Give what was resolved before."""
        found = self.resolved.get(key)
        if found is not None:
            self.resolved.move_to_end(key)
        return found

    def keep(self, key: Key, resolved: Resolved) -> Resolved:
        """Keep what was resolved, and give it."""
        self.resolved[key] = resolved
        while len(self.resolved) > RESOLVED_KEPT:
            self.resolved.popitem(last=False)
        return resolved

    async def tree(self, resolved: Resolved) -> Listing:
        """Give the content by id of what was resolved. Raises `SourceError`."""
        mirror = self.mirror_of(resolved)
        return await self.contents.listing(mirror, resolved.tree, resolved.url, reduced=True)

    def mirror_of(self, resolved: Resolved) -> Mirror:
        """Give the mirror that holds what was resolved. Raises `SourceError` where there is none any more."""
        mirror = next((item for item in self.mirrors.values() if str(item.folder) == resolved.location), None)
        if mirror is None:
            raise SourceError(Fault.CACHE, f"{resolved.url}: its mirror is not known")
        return mirror

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return _Held(self, resolved)

    def unreadable(self, resolved: Resolved) -> None:
        """Take note that something of a revision could not be read: its mirror is looked through before it is used."""
        for mirror in self.mirrors.values():
            if str(mirror.folder) == resolved.location:
                mirror.suspect = True
        for key in [key for key, one in self.resolved.items() if one.location == resolved.location]:
            del self.resolved[key]

    def forget(self, address: str) -> None:
        """Remove all that is kept of a repository that no source follows any more."""
        mirror = self.mirrors.get(address)
        if mirror is not None:
            self.proofs.forget(mirror.key)
            self.give_up(address)
        self.quotas.forget(address)

    def give_up(self, address: str) -> None:
        """Remove a mirror; where somebody still follows its repository, it is fetched again once it is needed."""
        self.resolved = OrderedDict(each for each in self.resolved.items() if each[0][0] != address)
        mirror = self.mirrors.pop(address, None)
        if mirror is not None:
            self.trees.forget(mirror.folder)
            self.contents.forget(mirror)
            mirror.remove()

    def sweep(self) -> None:
        """Remove the mirrors of repositories that nobody follows, as an earlier process may have left them."""
        followed = {mirror_key(address) for address in (*self.quotas.addresses(), *self.mirrors)}
        asyncio.get_running_loop().run_in_executor(None, remove_leftovers, self.settings.cache, followed)


class _Held:
    """Holds a tree on disk for as long as it is entered."""

    def __init__(self, cache: Cache, resolved: Resolved) -> None:
        self._cache = cache
        self._resolved = resolved
        self._tenant = TENANT.get()
        self._inner: AbstractAsyncContextManager[Checkout] | None = None

    async def __aenter__(self) -> Checkout:
        try:
            listing = await self._cache.tree(self._resolved)
            self._cache.quotas.used(self._resolved.location)
            self._inner = self._cache.trees.hold(
                Path(self._resolved.location), listing, self._resolved.url, self._tenant
            )
            return await self._inner.__aenter__()
        except SourceError as error:
            if error.fault is Fault.CACHE:
                self._cache.unreadable(self._resolved)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._inner is not None:
            await self._inner.__aexit__(kind, error, trace)  # type: ignore[arg-type]
            self._cache.quotas.trim(self._tenant)
