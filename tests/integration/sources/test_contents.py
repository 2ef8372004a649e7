"""A commit's content told from the commit before: always what reading it whole gives."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from trueup.core.model.artifact import IgnoreRules
from trueup.core.model.git import GitRef, GitSpec
from trueup.devtools.gitserver import Executable, GitServer, Repository, Symlink
from trueup.git.tree.listing import Listing
from trueup.sources.git import GitSettings, GitSource

RULES = (IgnoreRules(), IgnoreRules(enabled=True), IgnoreRules(enabled=True, text="b/\n!b/a\n"))
NAMES = ("a", "b", "c.png", ".sourceignore", ".gitignore", "d.yaml")
COMMITS = 15


def change(files: dict[str, object], chance: random.Random) -> dict[str, object]:
    """Give what a commit changes; `files` are those that stand, and are kept up to date."""
    changed: dict[str, object] = {}
    for _ in range(chance.randint(1, 4)):
        path = "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, 3)))
        # A file where a folder stands takes its place, and the other way round.
        for other in list(files):
            if other.startswith(f"{path}/") or path.startswith(f"{other}/") or other == path:
                changed[other] = None
                del files[other]
        if chance.random() < 0.75:
            text = chance.choice(("", "a\n", "*.png\n", "!c.png\n", f"{chance.random()}\n"))
            content = chance.choice((text, text, Executable(text), Symlink(chance.choice(("a", "../b", "d.yaml")))))
            for other in [other for other, new in changed.items() if new is not None]:
                if other.startswith(f"{path}/") or path.startswith(f"{other}/"):
                    del changed[other]
            changed[path] = files[path] = content
    return changed


def on_disk(folder: Path) -> dict[str, tuple[str, str]]:
    """Give each path below a folder with what it is and holds."""
    found: dict[str, tuple[str, str]] = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base) / name
            mode = oct(stat.S_IMODE(path.lstat().st_mode))
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = ("link", str(path.readlink()))
            else:
                found[key] = (mode, path.read_text() if path.is_file() else "")
    return found


def same(one: Listing, other: Listing) -> None:
    """Hold a listing against another of the same tree."""
    assert one.items == other.items
    assert one.folders == other.folders
    assert (one.tree, one.size) == (other.tree, other.size)


@pytest.mark.parametrize("seed", range(4))
async def test_content_told_from_the_commit_before_is_as_if_read_whole(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    repository = Repository.create(tmp_path / "git" / "repo.git")
    files: dict[str, object] = {}
    async with (
        GitServer(tmp_path / "git") as server,
        GitSource(GitSettings(cache=tmp_path / "kept", poll_window=0)) as kept,
    ):
        spec = GitSpec(server.url_of(repository), GitRef(branch="main"))
        held = []
        for number in range(COMMITS):
            repository.commit({f"n{number % 3}": str(number), **change(files, chance)}, "next")
            fresh = GitSource(GitSettings(cache=tmp_path / f"fresh-{number}", poll_window=0))
            async with fresh:
                for ignore in RULES:
                    told = await kept.resolve(spec, None, ignore, fresh=True)
                    whole = await fresh.resolve(spec, None, ignore)
                    assert told.tree == whole.tree
                    same(await kept.tree(told), await fresh.tree(whole))
                    async with kept.checkout(told) as one, fresh.checkout(whole) as other:
                        assert on_disk(one.path) == on_disk(other.path)
                        held.append((told, on_disk(one.path)))
        # What was given once is given again as it was, though its files were taken for the next.
        for told, content in chance.sample(held, 10):
            async with kept.checkout(told) as again:
                assert on_disk(again.path) == content
