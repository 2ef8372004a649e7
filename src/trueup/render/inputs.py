"""What a render read, by content: naming it, and proving that another tree has the same.

Paths are compared folder by folder. Where a folder's own id is the same, everything beneath it is, so one comparison
proves all that was read there; only in a folder that did change are the single paths compared.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from trueup.core.model.recipe import InputPaths, TreeIds


class _Folder(msgspec.Struct):
    """What was read directly in one folder. `id` is the id of the last tree found equal."""

    root: str
    path: str
    id: str | None
    files: tuple[tuple[str, str], ...]
    listed: tuple[tuple[str, str], ...]
    absent: tuple[str, ...]

    def holds(self, tree: TreeIds) -> bool:
        now = tree.entry(self.path)
        if now is not None and now == self.id:
            return True
        same = (
            all(tree.entry(path) == known for path, known in self.files)
            and all(tree.entry(path) is None for path in self.absent)
            and all(_names(tree, path) == known for path, known in self.listed)
        )
        if same:
            # Commits go forward: the next tree is more likely to have this folder than the one before.
            self.id = now
        return same


class Proof(msgspec.Struct, frozen=True):
    """Everything that one render read, with its content's ids. `cost` is about what this takes in bytes."""

    folders: tuple[_Folder, ...]
    cost: int

    def holds(self, trees: Mapping[str, TreeIds]) -> bool:
        """Say whether `trees` (by root) have the same content wherever the render looked."""
        for folder in self.folders:
            tree = trees.get(folder.root)
            if tree is None or not folder.holds(tree):
                return False
        return True

    def digest(self, *also: str) -> str:
        """Name all of it, and `also`, by content: `sha256:` and hex."""
        digest = hashlib.sha256()
        for line in (*also, *self._lines()):
            digest.update(f"{len(line)} {line}\n".encode(errors="surrogateescape"))
        return f"sha256:{digest.hexdigest()}"

    def _lines(self) -> Iterator[str]:
        for folder in self.folders:
            for path, known in folder.files:
                yield f"file {folder.root} {path} {known}"
            for path, known in folder.listed:
                yield f"listed {folder.root} {path} {known}"
            for path in folder.absent:
                yield f"absent {folder.root} {path}"


def prove(input_paths: Mapping[str, InputPaths], trees: Mapping[str, TreeIds]) -> Proof | None:
    """Note what was read as `trees` have it now.

    `None` where a tree contradicts the folder that was rendered, or a root's ids are not known: nothing can be
    concluded then.
    """
    folders: list[_Folder] = []
    cost = 0
    for root, looked in sorted(input_paths.items()):
        tree = trees.get(root)
        if tree is None:
            if looked.files or looked.directories or looked.absent:
                return None
            continue
        groups: defaultdict[str, tuple[list[tuple[str, str]], list[tuple[str, str]], list[str]]] = defaultdict(
            lambda: ([], [], [])
        )
        for path in looked.files:
            known = tree.entry(path)
            if known is None:
                return None
            groups[_parent(path)][0].append((path, known))
        for path in looked.directories:
            names = _names(tree, path)
            if names is None:
                return None
            # What a folder lists is beneath its own id.
            groups[path][1].append((path, names))
        for path in looked.absent:
            if tree.entry(path) is not None:
                return None
            groups[_parent(path)][2].append(path)
        for path, (files, listed, absent) in sorted(groups.items()):
            folders.append(_Folder(root, path, tree.entry(path), tuple(files), tuple(listed), tuple(absent)))
            cost += 300 + sum(len(one) + 200 for one, _ in (*files, *listed)) + sum(len(one) + 80 for one in absent)
    return Proof(tuple(folders), cost)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "."


def _names(tree: TreeIds, path: str) -> str | None:
    names = tree.names(path)
    if names is None:
        return None
    # No name has a slash within, or a zero byte: joined they are unambiguous.
    return hashlib.blake2b("\0".join(names).encode(errors="surrogateescape"), digest_size=16).hexdigest()
