"""Taking commits back: a branch that undoes what changed between a good and a bad revision, pushed to the remote.

No working tree and no clone is needed: a revert is a merge of trees (`git merge-tree`), and what is made for it goes to
a folder of its own beside the mirror's objects, which is removed when the branch has been pushed.

**What is taken back.** The commits of the branch's own line (first parents) between the good revision and the bad one
that touch the paths of interest (all, where none does), newest first, each by a commit of its own as `git revert` makes
it; a merge commit as with `-m 1`. Where one of these does not merge with what came later, or the good revision is no
ancestor of the bad one (its history was rewritten, or is longer than the mirror keeps), or there are more than
`MOST_COMMITS`, a single commit brings the files of interest that differ between the two back to their content at the
good revision.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.commits import parse_commit
from trueup.git.credentials import GitCredentials
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk, failure
from trueup.git.refs import HEADS
from trueup.git.urls import GitUrl

MOST_COMMITS = 50
MOST_PATHS = 500
"""Paths on a command line; more are folded into the folders that hold them."""


class Author(msgspec.Struct, frozen=True):
    """Who makes the commits."""

    name: str
    mail: str


class Wanted(msgspec.Struct, frozen=True):
    """What shall be taken back: full commit ids, the branch it is for, and the new one.

    Where `base` is no branch (a tag, or empty) it is for the default branch.

    `paths` are the files and folders of interest, all when empty.
    """

    bad: str
    good: str
    base: str
    branch: str
    paths: tuple[str, ...]
    author: Author


class Pushed(msgspec.Struct, frozen=True):
    """What was pushed: the base, the branch's head, which commits it takes back, or whether files were `restored`.

    `existed`: the branch was there before, and was left as it is.
    """

    base: str
    commit: str
    reverted: tuple[str, ...] = ()
    restored: bool = False
    existed: bool = False


class NothingToTakeBack(Exception):
    """The base no longer has what shall be taken back."""


class _Conflict(Exception):
    """A commit cannot be taken back by itself."""


async def take_back(
    mirror: Mirror, url: GitUrl, credentials: GitCredentials | None, wanted: Wanted, timeout: float
) -> Pushed:
    """Make the commits and push the branch. Raises `SourceError`, `NothingToTakeBack`."""
    base = f"{HEADS}{wanted.base}"
    remote = await mirror.refs(url, credentials, ("HEAD", base, f"{HEADS}{wanted.branch}"), timeout)
    name = wanted.base if wanted.base and base in remote.refs else remote.default.removeprefix(HEADS)
    head = remote.refs.get(f"{HEADS}{name}") or remote.refs.get("HEAD")
    if head is None or not name:
        raise SourceError(Fault.REF, f"{url.shown}: there is no {name or 'default'} branch to propose a change for")
    if there := remote.refs.get(f"{HEADS}{wanted.branch}"):
        return Pushed(name, there, existed=True)
    await mirror.fetch(url, credentials, f"{HEADS}{name}", head, timeout)
    for commit in (wanted.bad, wanted.good):
        await mirror.fetch(url, credentials, "", commit, timeout)
    try:
        with TemporaryDirectory(prefix="trueup-revert-", dir=mirror.folder.parent) as folder:
            making = _Making(mirror, Path(folder), wanted)
            commit, reverted = await making.commits(head)
            await mirror.push(url, credentials, commit, wanted.branch, timeout, making.environment)
    except GitFailed as error:
        raise failure(error.words, url.shown, credentials) from None
    except OSError as error:
        raise disk(error, url.shown) from error
    return Pushed(name, commit, reverted, restored=not reverted)


class _Making:
    """Makes commits beside a mirror: nothing of them is left in it."""

    def __init__(self, mirror: Mirror, folder: Path, wanted: Wanted) -> None:
        self._mirror = mirror
        self._index = folder / "index"
        self._wanted = wanted
        objects = folder / "objects"
        objects.mkdir()
        self.environment: Mapping[str, str] = {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror.folder / "objects"),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_AUTHOR_NAME": wanted.author.name,
            "GIT_AUTHOR_EMAIL": wanted.author.mail,
            "GIT_COMMITTER_NAME": wanted.author.name,
            "GIT_COMMITTER_EMAIL": wanted.author.mail,
        }
        self._paths = folded(wanted.paths)

    async def commits(self, head: str) -> tuple[str, tuple[str, ...]]:
        """Give the new head and the commits that it takes back: none where files were restored."""
        try:
            return await self._reverts(head)
        except _Conflict:
            return await self._restored(head), ()

    async def _reverts(self, head: str) -> tuple[str, tuple[str, ...]]:
        current, done = head, []
        for commit in await self._between():
            raw = await self._mirror.commit(commit)
            info = parse_commit(commit, raw) if raw is not None else None
            if info is None or not info.parents:
                raise _Conflict
            parent = info.parents[0]
            tree = await self._merged(current, commit, parent)
            if tree == await self._tree(current):
                continue
            reversing = f", reversing\nchanges made to {parent}" if len(info.parents) > 1 else ""
            subject = " ".join(info.subject.split())
            message = f'Revert "{subject}"\n\nThis reverts commit {commit}{reversing}.\n'
            current = await self._commit(tree, [current], message)
            done.append(commit)
        if not done:
            raise NothingToTakeBack(f"{self._wanted.base or 'the default branch'} has nothing of it any more")
        return current, tuple(done)

    async def _between(self) -> list[str]:
        good, bad = self._wanted.good, self._wanted.bad
        try:
            await self._git(["merge-base", "--is-ancestor", good, bad])
        except GitFailed:
            raise _Conflict from None
        found = await self._touching(f"{good}..{bad}")
        if not found and self._paths:
            # What only removed files is not seen in what is read afterwards: then everything between is suspected.
            self._paths = []
            found = await self._touching(f"{good}..{bad}")
        if len(found) > MOST_COMMITS or not found:
            raise _Conflict
        return found

    async def _touching(self, between: str) -> list[str]:
        limit = f"--max-count={MOST_COMMITS + 1}"
        raw = await self._git(["rev-list", "--first-parent", limit, between, "--", *self._paths])
        return raw.decode().split()

    async def _merged(self, ours: str, commit: str, parent: str) -> str:
        """Give the tree of `ours` without what `commit` changed against `parent`.

        The three trees are put into commits of their own, so that the base of the merge is the bad commit whatever the
        real history looks like.
        """
        base = await self._commit(await self._tree(commit), [], "base")
        sides = [await self._commit(await self._tree(side), [base], "side") for side in (ours, parent)]
        try:
            raw = await self._git(["merge-tree", "--write-tree", "--no-messages", *sides])
        except GitFailed as error:
            if error.code == 1:
                raise _Conflict from None
            raise
        return raw.decode().strip()

    async def _restored(self, head: str) -> str:
        good, bad = self._wanted.good, self._wanted.bad
        raw = await self._git(["diff-tree", "-r", "-z", "--no-renames", bad, good, "--", *self._paths])
        fields = raw.split(b"\0")
        lines = []
        for meta, path in zip(fields[0::2], fields[1::2], strict=False):
            _, mode, _, blob, _ = meta.lstrip(b":").split(b" ")
            lines.append(b"%s %s\t%s\0" % (mode if mode != b"000000" else b"0", blob, path))
        await self._git(["read-tree", head])
        await self._git(["update-index", "-z", "--index-info"], stdin=b"".join(lines) or b"\0")
        tree = (await self._git(["write-tree"])).decode().strip()
        if tree == await self._tree(head):
            raise NothingToTakeBack(f"{self._wanted.base or 'the default branch'} has nothing of it any more")
        message = (
            f"Restore what commit {bad[:12]} changed\n\nThe files are those of commit {good} again: "
            "the commits since could not be reverted one by one.\n"
        )
        return await self._commit(tree, [head], message)

    async def _tree(self, commit: str) -> str:
        return (await self._git(["rev-parse", "--verify", f"{commit}^{{tree}}"])).decode().strip()

    async def _commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        named = [word for parent in parents for word in ("-p", parent)]
        raw = await self._git(["commit-tree", tree, *named], stdin=message.encode("utf-8", "replace"))
        return raw.decode().strip()

    async def _git(self, arguments: list[str], *, stdin: bytes = b"") -> bytes:
        return await self._mirror.git(arguments, stdin=stdin, index=self._index, extra=self.environment)


def folded(paths: Sequence[str]) -> list[str]:
    """Give so many paths as fit a command line: the deepest are replaced by their folders until they do.

    The repository's own folder is everything, which no path says.
    """
    current = {path.strip("/") for path in paths} - {"."}
    if "" in current:
        return []
    while len(current) > MOST_PATHS:
        deepest = max(path.count("/") for path in current)
        current = {os.path.dirname(path) if path.count("/") == deepest else path for path in current}  # noqa: PTH120
        if "" in current:
            return []
    return sorted(current)
