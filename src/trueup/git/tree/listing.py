"""The content of a tree by id, as Git knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.settings import Limits

TREE, LINK, SUBMODULE = "040000", "120000", "160000"


class Item(msgspec.Struct, frozen=True):
    """One entry of a tree, with its path from the root; `size` is in bytes, 0 for what is no file."""

    mode: str
    id: str
    path: str
    size: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it is a file or a symbolic link."""
        return self.mode not in (TREE, SUBMODULE)


class Listing:
    """All entries of a tree. Implements `TreeIds`."""

    def __init__(self, tree: str, items: Iterable[Item]) -> None:
        """Take the tree's id and its entries, folders included."""
        self.tree = tree
        self.items: dict[str, Item] = {}
        self.size = 0
        """Bytes of all files."""
        names: dict[str, list[str]] = {".": []}
        for item in items:
            self.items[item.path] = item
            self.size += item.size
            folder, _, name = item.path.rpartition("/")
            names.setdefault(folder or ".", []).append(f"{name}/" if item.mode == TREE else name)
            if item.mode == TREE:
                names.setdefault(item.path, [])
        self.folders = {folder: tuple(sorted(found)) for folder, found in names.items()}
        """The names in each folder, folders with a trailing slash."""

    @classmethod
    def of(cls, tree: str, items: dict[str, Item], folders: dict[str, tuple[str, ...]], size: int) -> Self:
        """Make one of what is known of it already."""
        made = cls(tree, ())
        made.items, made.folders, made.size = items, folders, size
        return made

    def entry(self, path: str) -> str | None:
        """Give the id of what stands at `path`."""
        if path == ".":
            return self.tree
        item = self.items.get(path)
        # With the mode: a link and a file may have the same content, and mean different things.
        return f"{item.mode}:{item.id}" if item else None

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give the names in a folder, folders with a trailing slash."""
        return self.folders.get(path)

    def files(self) -> Iterator[Item]:
        """Give files and symbolic links."""
        return (item for item in self.items.values() if item.is_file)

    def submodules(self) -> tuple[str, ...]:
        """Give the paths at which other repositories would stand."""
        return tuple(item.path for item in self.items.values() if item.mode == SUBMODULE)


def read_listing(tree: str, raw: bytes, limits: Limits, shown: str) -> Listing:
    """Read `git ls-tree -r -t -l -z`. Raises `SourceError` for what is too large, or leads out of the tree."""
    items: list[Item] = []
    total = 0
    for line in raw.split(b"\0"):
        if not line:
            continue
        head, _, name = line.partition(b"\t")
        mode, _, object_id, size = head.decode("ascii").split()
        item = Item(mode, object_id, name.decode("utf-8", "surrogateescape"), int(size) if size.isdigit() else 0)
        total += item.size
        checked(item, total, len(items), limits, shown)
        items.append(item)
    return Listing(tree, items)


def checked(item: Item, total: int, count: int, limits: Limits, shown: str) -> None:
    """Raise `SourceError` for an entry that leads out of the tree, or with which the tree is too large.

    `total` are the bytes of all files with this one, `count` the entries before it.
    """
    parts = item.path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise SourceError(Fault.HOSTILE, f"{shown}: the path {item.path!r} leads out of the repository")
    if item.size > limits.file or total > limits.tree or count > limits.files or len(parts) > limits.depth:
        raise SourceError(
            Fault.TOO_LARGE, f"{shown}: the tree is too large at {item.path!r}; see the limits of Git sources"
        )
