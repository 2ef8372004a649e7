"""The content of a tree by id, as Git knows it, and what ignore rules leave out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import pathspec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from trueup.core.model.artifact import Fault, IgnoreRules, SourceError
from trueup.git.settings import Limits

TREE, LINK, SUBMODULE = "040000", "120000", "160000"

VERSION_CONTROL = (".git/", ".gitignore", ".gitmodules", ".gitattributes")
DEFAULT_RULES = (
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
)
"""What an artifact leaves out by default, as Flux's documentation lists it."""

RULES_FILE = ".sourceignore"


class Item(msgspec.Struct, frozen=True):
    """One entry of a tree, with its path from the root; `size` is in bytes, 0 for what is no file."""

    mode: str
    id: str
    path: str
    size: int = 0


class Listing:
    """All entries of a tree. Implements `TreeIds`."""

    def __init__(self, tree: str, items: Iterable[Item]) -> None:
        """Take the tree's id and its entries, folders included."""
        self.tree = tree
        self.items: dict[str, Item] = {}
        names: dict[str, list[str]] = {".": []}
        for item in items:
            self.items[item.path] = item
            folder, _, name = item.path.rpartition("/")
            names.setdefault(folder or ".", []).append(f"{name}/" if item.mode == TREE else name)
            if item.mode == TREE:
                names.setdefault(item.path, [])
        self._names = {folder: tuple(sorted(found)) for folder, found in names.items()}

    def entry(self, path: str) -> str | None:
        """Give the id of what stands at `path`."""
        if path == ".":
            return self.tree
        item = self.items.get(path)
        # With the mode: a link and a file may have the same content, and mean different things.
        return f"{item.mode}:{item.id}" if item else None

    def names(self, path: str) -> tuple[str, ...] | None:
        """Give the names in a folder, folders with a trailing slash."""
        return self._names.get(path)

    def files(self) -> Iterator[Item]:
        """Give files and symbolic links."""
        return (item for item in self.items.values() if item.mode not in (TREE, SUBMODULE))

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
        path = name.decode("utf-8", "surrogateescape")
        parts = path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
            raise SourceError(Fault.HOSTILE, f"{shown}: the path {path!r} leads out of the repository")
        length = int(size) if size.isdigit() else 0
        total += length
        if length > limits.file or total > limits.tree or len(items) > limits.files or len(parts) > limits.depth:
            raise SourceError(
                Fault.TOO_LARGE, f"{shown}: the tree is too large at {path!r}; see the limits of Git sources"
            )
        items.append(Item(mode, object_id, path, length))
    return Listing(tree, items)


def ignored(listing: Listing, rules: IgnoreRules, texts: dict[str, str], shown: str) -> frozenset[str]:
    """Give the files that an artifact leaves out. `texts` are the `.sourceignore` files by path.

    Raises `SourceError` (RULES) for rules that cannot be read.
    """
    if not rules.enabled:
        return frozenset()
    own = rules.text.splitlines() if rules.text is not None else []
    lines = list(VERSION_CONTROL)
    if rules.text is None and not texts:
        lines += DEFAULT_RULES
    for path, text in sorted(texts.items()):
        folder = path.rpartition("/")[0]
        lines += [_anchored(folder, line) for line in text.splitlines()]
    lines += own  # last, for the last rule that matches decides, as in Flux
    try:
        # Git itself would let a rule about a file win over a later one about its folder.
        spec = pathspec.PathSpec.from_lines(GitIgnoreSpecPattern, lines)
    except ValueError as error:
        raise SourceError(Fault.RULES, f"{shown}: the ignore rules cannot be read: {error}") from error
    return frozenset(item.path for item in listing.files() if spec.match_file(item.path))


def _anchored(folder: str, line: str) -> str:
    """Make a rule of a file in `folder` one of the root."""
    text = line.strip()
    if not folder or not text or text.startswith("#"):
        return line
    negated = "!" if text.startswith("!") else ""
    rule = text.removeprefix("!")
    inner = rule.rstrip("/")
    joined = f"/{folder}/{rule.lstrip('/')}" if "/" in inner else f"/{folder}/**/{rule}"
    return negated + joined
