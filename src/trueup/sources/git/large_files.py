"""Files that Git LFS keeps elsewhere: a repository holds their pointers alone, and these are what is delivered.

Which files they are is told by `.gitattributes` (gitattributes(5)); those that somebody has committed whole are larger.
"""

from __future__ import annotations

import posixpath
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from pathspec import GitIgnoreSpec

from trueup.git.mirror import Mirror
from trueup.git.tree.listing import Listing
from trueup.sources.contents import Contents

ATTRIBUTES = ".gitattributes"
POINTER_LIMIT = 1024
"""Bytes of a pointer at most, by the specification of Git LFS."""

ATTRIBUTES_LIMIT = 64 * 1024
ATTRIBUTES_READ = 20
NAMED = 3
_KEPT = 1000


class LargeFiles:
    """Finds pointers; what a file of attributes says is kept by its content."""

    def __init__(self, contents: Contents) -> None:
        """Take what reads files of repositories."""
        self._contents = contents
        self._patterns: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    async def warnings(self, mirror: Mirror, listing: Listing, shown: str) -> tuple[str, ...]:
        """Name the pointers in a listing. Raises `SourceError` where its attributes cannot be read."""
        found: list[str] = []
        for path in await self._pointers(mirror, listing, shown):
            found.append(path)
            if len(found) > NAMED:
                break
        if not found:
            return ()
        names = ", ".join(map(repr, found[:NAMED])) + (" and others" if len(found) > NAMED else "")
        return (f"{names}: kept by Git LFS, which is not read: pointers are delivered; commit such files whole",)

    async def _pointers(self, mirror: Mirror, listing: Listing, shown: str) -> Iterator[str]:
        tracked = []
        for path, blob in list(_attributes(listing))[:ATTRIBUTES_READ]:
            patterns = await self._of(mirror, blob, shown)
            if patterns:
                tracked.append((posixpath.dirname(path), GitIgnoreSpec.from_lines(patterns)))
        if not tracked:
            return iter(())
        return (
            item.path
            for item in listing.files()
            if 0 < item.size <= POINTER_LIMIT
            and posixpath.basename(item.path) != ATTRIBUTES
            and any(_within(item.path, folder, spec) for folder, spec in tracked)
        )

    async def _of(self, mirror: Mirror, blob: str, shown: str) -> tuple[str, ...]:
        known = self._patterns.get(blob)
        if known is None:
            text = (await self._contents.texts(mirror, {"": blob}, shown))[""]
            known = self._patterns[blob] = tuple(lfs_patterns(text.splitlines()))
            while len(self._patterns) > _KEPT:
                self._patterns.popitem(last=False)
        return known


def lfs_patterns(lines: Iterable[str]) -> Iterator[str]:
    """Give the patterns of a file of attributes that Git LFS keeps, as patterns of ignore rules."""
    for line in lines:
        pattern, *attributes = line.split() or [""]
        if pattern and not pattern.startswith(("#", "!", "[attr]")) and "filter=lfs" in attributes:
            yield pattern.strip('"')


def _attributes(listing: Listing) -> Iterator[tuple[str, str]]:
    for item in listing.files():
        named = item.path.endswith(ATTRIBUTES) and posixpath.basename(item.path) == ATTRIBUTES
        if named and item.size <= ATTRIBUTES_LIMIT:
            yield item.path, item.id


def _within(path: str, folder: str, spec: GitIgnoreSpec) -> bool:
    if folder and not path.startswith(f"{folder}/"):
        return False
    return spec.match_file(path[len(folder) + 1 :] if folder else path)
