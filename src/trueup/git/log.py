"""What a repository's history tells: who last changed a line, and by which merge a commit came in."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.model.artifact import Provenance
from trueup.git.commits import parse_commit
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, failure

MERGES_SOUGHT = 64
"""Of so many commits at most it is sought by which merge they came in: each costs one process."""


class GitLog:
    """Reads one mirror's history; the network is never asked."""

    def __init__(self, mirror: Mirror, shown: str) -> None:
        """Take the mirror, which must hold the history asked for, and the repository's name for errors."""
        self._mirror = mirror
        self._shown = shown
        self._commits: dict[str, Provenance] = {}
        self._merges: dict[str, Provenance] = {}
        self._trunks: dict[str, frozenset[str]] = {}

    async def lines(self, commit: str, path: str) -> tuple[str, ...]:
        """Give, for each line of a file as of a commit, the id of the commit that wrote it. Raises `SourceError`."""
        raw = await self._git(["blame", "--porcelain", "-w", commit, "--", path])
        # The porcelain form repeats of each line only `ID ORIGINAL-LINE LINE [COUNT]`, and the line after a tab.
        found: list[str] = []
        expecting = True
        for line in raw.decode(errors="replace").splitlines():
            if line.startswith("\t"):
                expecting = True
            elif expecting:
                found.append(line.partition(" ")[0])
                expecting = False
        return tuple(found)

    async def last(self, commit: str, path: str) -> str:
        """Give the id of the last commit up to `commit` that touched a file or folder; empty where none did."""
        raw = await self._git(["log", "-1", "--format=%H", commit, "--", path])
        return raw.decode().strip()

    async def commits(self, ids: Iterable[str]) -> dict[str, Provenance]:
        """Give what is known of each commit; those that are not here are left out."""
        new = sorted({*ids} - self._commits.keys())
        raw = await self._git(["cat-file", "--batch"], "".join(f"{one}\n" for one in new).encode()) if new else b""
        while raw:
            head, _, rest = raw.partition(b"\n")
            one, kind, *size = head.decode(errors="replace").split()
            length = int(size[0]) if size else 0
            if kind == "commit":
                self._commits[one] = parse_commit(one, rest[:length])
            # What is missing is told by the head alone.
            raw = rest[length + 1 :] if size else rest
        return self._commits

    async def merges(self, ids: Iterable[str], tip: str) -> dict[str, Provenance]:
        """Give, for those commits that came into the history ending in `tip` by a merge, that merge."""
        trunk = await self._trunk(tip)
        away = [one for one in dict.fromkeys(ids) if one not in trunk][:MERGES_SOUGHT]
        for one in [one for one in away if one not in self._merges]:
            raw = await self._git(["rev-list", "--merges", "--ancestry-path", f"{one}..{tip}"])
            # Newest first: the last that stands on the trunk is the first that has it.
            on_trunk = [merge for merge in raw.decode().split() if merge in trunk]
            if on_trunk and (found := (await self.commits(on_trunk[-1:])).get(on_trunk[-1])):
                self._merges[one] = found
        return self._merges

    async def _trunk(self, tip: str) -> frozenset[str]:
        if tip not in self._trunks:
            raw = await self._git(["rev-list", "--first-parent", tip])
            self._trunks[tip] = frozenset(raw.decode().split())
        return self._trunks[tip]

    async def _git(self, arguments: list[str], stdin: bytes = b"") -> bytes:
        try:
            return await self._mirror.git(arguments, stdin=stdin)
        except GitFailed as error:
            raise failure(error.words, self._shown, None) from None
