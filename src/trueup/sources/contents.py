"""What commits hold, by id: each is told from the commit before it, so that it costs what it changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trueup.core.model.artifact import IgnoreRules, SourceError
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk, failure
from trueup.git.settings import GitSettings
from trueup.git.tree.changes import changed, read_changes, read_sizes
from trueup.git.tree.ignoring import RULES_FILE, ignore_spec
from trueup.git.tree.listing import Item, Listing, read_listing
from trueup.shared import Shared

LISTINGS_KEPT = 32
REDUCTIONS_KEPT = 64
RULES_LIMIT = 1024 * 1024
"""Bytes of the largest file of ignore rules that is read."""


class Reduction(msgspec.Struct, frozen=True):
    """What ignore rules and a sparse checkout leave of a listing: its files, and the tree of them."""

    listing: Listing
    rules: dict[str, str]
    """The ids of the files of ignore rules, by path."""
    spec: PathSpec[GitIgnoreSpecPattern] | None
    files: dict[str, Item]
    tree: str


class Contents:
    """Listings of trees, and what is left of them."""

    def __init__(self, settings: GitSettings) -> None:
        """Take the limits, and the folder for what is made on the way."""
        self._settings = settings
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._listing: Shared[Listing] = Shared()
        self._last: dict[tuple[Path, bool], Listing] = {}
        self._reductions: OrderedDict[tuple[Path, str], Reduction] = OrderedDict()

    def forget(self, mirror: Mirror) -> None:
        """Forget what a repository held last."""
        for reduced in (False, True):
            self._last.pop((mirror.folder, reduced), None)
        for key in [key for key in self._reductions if key[0] == mirror.folder]:
            del self._reductions[key]

    async def listing(self, mirror: Mirror, tree: str, shown: str, *, reduced: bool = False) -> Listing:
        """Give all entries of a tree; `reduced` is one that was made here. Raises `SourceError`."""
        known = self._listings.get(tree)
        if known is not None:
            self._listings.move_to_end(tree)
            return known

        async def read() -> Listing:
            # A commit's tree is like that of the commit before, and what was left of it like what is left.
            last = self._last.get((mirror.folder, reduced))
            made = await self._from(last, mirror, tree, shown) if last is not None else None
            if made is None:
                raw = await _git(mirror, ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree], shown)
                made = read_listing(tree, raw, self._settings.limits, shown)
            self._listings[tree] = self._last[mirror.folder, reduced] = made
            while len(self._listings) > LISTINGS_KEPT:
                self._listings.popitem(last=False)
            return made

        return await self._listing.one(tree, read)

    async def _from(self, base: Listing, mirror: Mirror, tree: str, shown: str) -> Listing | None:
        """Give a listing as one read before with what differs; `None` where that cannot be told."""
        try:
            told = await mirror.git(["diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", base.tree, tree])
            changes = read_changes(told)
            asked = "".join(f"{each}\n" for each in changes.files).encode()
            sizes = read_sizes(await mirror.git(["cat-file", "--batch-check"], stdin=asked)) if asked else {}
        except (GitFailed, OSError, ValueError):
            # The tree before may be gone with a mirror that was made anew.
            return None
        return changed(base, tree, changes, sizes, self._settings.limits, shown)

    async def reduced(
        self, mirror: Mirror, listing: Listing, ignore: IgnoreRules, sparse: tuple[str, ...], shown: str
    ) -> str:
        """Give the tree that ignore rules and a sparse checkout leave of a listing. Raises `SourceError`."""
        key = (mirror.folder, ignore.key + "".join(f"\0{path}" for path in sparse))
        last = self._reductions.get(key)
        rules = _rule_files(listing) if ignore.enabled else {}
        if last is None or last.rules != rules:
            spec = ignore_spec(ignore, await self.texts(mirror, rules, shown), shown)
            files = dict(_left(listing.files(), spec, sparse))
        else:
            spec = last.spec
            others = (item for item in listing.files() if item != last.listing.items.get(item.path))
            files = {path: item for path, item in last.files.items() if listing.items.get(path) == item}
            files.update(_left(others, spec, sparse))
        if len(files) == sum(1 for _ in listing.files()):
            tree = listing.tree
        else:
            tree = await self._written(mirror, files, last, shown)
        self._reductions[key] = Reduction(listing, rules, spec, files, tree)
        self._reductions.move_to_end(key)
        while len(self._reductions) > REDUCTIONS_KEPT:
            self._reductions.popitem(last=False)
        return tree

    async def written(self, mirror: Mirror, files: dict[str, Item], shown: str) -> str:
        """Write the tree of files, by path, whose contents are in a mirror already. Raises `SourceError`."""
        return await self._written(mirror, files, None, shown)

    async def texts(self, mirror: Mirror, blobs: dict[str, str], shown: str) -> dict[str, str]:
        """Give the texts of files, by path, whose ids are given. Raises `SourceError`."""
        return {
            path: (await _git(mirror, ["cat-file", "blob", blob], shown)).decode(errors="replace")
            for path, blob in blobs.items()
        }

    async def _written(self, mirror: Mirror, files: dict[str, Item], last: Reduction | None, shown: str) -> str:
        """Write the tree of some files, and give its id. No files are an empty tree."""
        if not files:
            return (await _git(mirror, ["mktree"], shown)).decode().strip()
        if last is not None and last.files:
            if files == last.files:
                return last.tree
            # What was written last may be gone with a mirror that was made anew.
            with suppress(SourceError):
                return await self._write(mirror, last.tree, _differences(last.files, files), shown)
        return await self._write(mirror, "", map(_index_line, files.values()), shown)

    async def _write(self, mirror: Mirror, base: str, lines: Iterable[bytes], shown: str) -> str:
        try:
            with TemporaryDirectory(prefix="trueup-index-", dir=self._settings.cache) as folder:
                index = Path(folder) / "index"
                if base:
                    await mirror.git(["read-tree", base], index=index)
                update = ["update-index", "-z", "--add", "--replace", "--index-info"]
                await mirror.git(update, stdin=b"".join(lines), index=index)
                return (await mirror.git(["write-tree"], index=index)).decode().strip()
        except GitFailed as error:
            raise failure(error.words, shown, None) from None
        except OSError as error:
            raise disk(error, shown) from error


def _rule_files(listing: Listing) -> dict[str, str]:
    return {
        path: item.id
        for path, item in listing.items.items()
        if path.rpartition("/")[2] == RULES_FILE and item.is_file and item.size <= RULES_LIMIT
    }


def _left(
    items: Iterable[Item], spec: PathSpec[GitIgnoreSpecPattern] | None, sparse: tuple[str, ...]
) -> Iterable[tuple[str, Item]]:
    folders = [folder.strip("/").removeprefix("./") for folder in sparse]
    for item in items:
        path = item.path
        wanted = not folders or any(path == folder or path.startswith(f"{folder}/") for folder in folders)
        if wanted and (spec is None or not spec.match_file(path)):
            yield path, item


def _differences(before: dict[str, Item], files: dict[str, Item]) -> Iterable[bytes]:
    """Give what `update-index` is told: what is gone first, for a file may stand where a folder was."""
    for path, item in before.items():
        if path not in files:
            yield b"0 " + b"0" * len(item.id) + b"\t" + _raw(path) + b"\0"
    for path, item in files.items():
        if before.get(path) != item:
            yield _index_line(item)


def _index_line(item: Item) -> bytes:
    return f"{item.mode} {item.id}\t".encode() + _raw(item.path) + b"\0"


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


async def _git(mirror: Mirror, arguments: list[str], shown: str) -> bytes:
    try:
        return await mirror.git(arguments)
    except GitFailed as error:
        raise failure(error.words, shown, None) from None
    except OSError as error:
        raise disk(error, shown) from error
