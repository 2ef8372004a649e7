"""A listing from the one before: a commit costs what it changes, not what the repository holds."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trueup.git.settings import Limits
from trueup.git.tree.listing import TREE, Item, Listing, checked


class Changes(msgspec.Struct, frozen=True):
    """What `git diff-tree` tells: the paths that are gone, and the entries that are new or other, sizes not known."""

    gone: tuple[str, ...]
    put: tuple[Item, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The ids of the contents that are new."""
        return tuple(item.id for item in self.put if item.is_file)


def read_changes(raw: bytes) -> Changes:
    """Read `git diff-tree -r -t -z --raw` between two trees. Raises ValueError for what does not look like it."""
    gone: list[str] = []
    put: list[Item] = []
    fields = iter(raw.split(b"\0"))
    for head in fields:
        if not head:
            continue
        _, mode, _, object_id, status = head.decode("ascii").removeprefix(":").split()
        path = next(fields, b"").decode("utf-8", "surrogateescape")
        if status == "D":
            gone.append(path)
        else:
            put.append(Item(mode, object_id, path))
    return Changes(tuple(gone), tuple(put))


def read_sizes(raw: bytes) -> dict[str, int]:
    """Read `git cat-file --batch-check`: bytes by id. Raises ValueError for an object that is not there."""
    sizes: dict[str, int] = {}
    for line in raw.decode("ascii").splitlines():
        object_id, kind, *size = line.split()
        if not size:
            raise ValueError(f"{object_id} is {kind}")
        sizes[object_id] = int(size[0])
    return sizes


def changed(base: Listing, tree: str, changes: Changes, sizes: dict[str, int], limits: Limits, shown: str) -> Listing:
    """Give the listing of `tree`, which differs from `base` by `changes`.

    Raises `SourceError` for what is too large, or leads out of the tree.
    """
    put = [msgspec.structs.replace(item, size=sizes.get(item.id, 0)) for item in changes.put]
    items = dict(base.items)
    for path in changes.gone:
        items.pop(path, None)
    items.update((item.path, item) for item in put)
    lost = sum(base.items[path].size for path in {*changes.gone, *(item.path for item in put)} if path in base.items)
    total = base.size - lost
    for item in put:
        total += item.size
        checked(item, total, len(items), limits, shown)
    return Listing.of(tree, items, _names(base, changes.gone, put), total)


def _names(base: Listing, gone: Iterable[str], put: Iterable[Item]) -> dict[str, tuple[str, ...]]:
    """Give the names in each folder; only those of folders that changed are made anew."""
    names = dict(base.folders)
    touched: dict[str, dict[str, bool]] = {}

    def folder_of(path: str) -> tuple[dict[str, bool], str]:
        folder, _, name = path.rpartition("/")
        folder = folder or "."
        if folder not in touched:
            touched[folder] = {each.rstrip("/"): each.endswith("/") for each in names.get(folder, ())}
        return touched[folder], name

    for path in gone:
        inside, name = folder_of(path)
        inside.pop(name, None)
    for item in put:
        inside, name = folder_of(item.path)
        inside[name] = item.mode == TREE
        if item.mode == TREE:
            folder_of(f"{item.path}/")
    for folder, inside in touched.items():
        names[folder] = tuple(sorted(f"{name}/" if is_folder else name for name, is_folder in inside.items()))
    # A folder that is gone, or is a file now, has no names.
    for path in ({*gone} | {item.path for item in put}) - {item.path for item in put if item.mode == TREE}:
        names.pop(path, None)
    return names
