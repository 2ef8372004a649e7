"""What providers have in common whose sources' files lie in the cache, as trees of Git."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from trueup.core.model.artifact import Resolved
from trueup.git.tree.listing import Listing
from trueup.git.trees import Checkout
from trueup.sources.cache import Cache


class CachedProvider:
    """The parts of a `SourceProvider` that are the cache's."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self._cache = cache

    async def ids(self, resolved: Resolved) -> Listing:
        """Give the id of every path, as Git has it."""
        return await self._cache.tree(resolved)

    def checkout(self, resolved: Resolved) -> AbstractAsyncContextManager[Checkout]:
        """Hold the files on disk."""
        return self._cache.checkout(resolved)

    def sweep(self) -> None:
        """Remove what an earlier process has left and nobody follows."""
        self._cache.sweep()
