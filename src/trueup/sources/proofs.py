"""Who has been let in by which remote, and how many ask one host at the same time.

What is kept of a repository is shared by all who follow the same URL, so it is given only to whom the remote itself has
let in: a pair of a repository and credentials is *proven* by an answer of the remote. Proofs lie in the cache's folder,
so that a controller that starts while a remote is down goes on; one ends when the remote refuses the credentials.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from trueup.git.process import disk

HOSTS_KEPT = 1000
PROVEN_SECONDS = 3600.0
"""Seconds after which a source that asks nobody (a pinned commit or digest) has to be let in anew."""


class Proofs:
    """Proofs by name: the key of what is kept of a repository, a dot, and who asks."""

    def __init__(self, folder: Path) -> None:
        """Take where they lie; nothing is read before `start`."""
        self._folder = folder
        self._proven: dict[str, float] = {}

    async def start(self) -> None:
        """Read who has been let in before. Raises `OSError`."""
        self._proven = await asyncio.to_thread(_read, self._folder)

    def since(self, proof: str) -> float | None:
        """Give when somebody was let in last, `None` where they never were."""
        return self._proven.get(proof)

    def lately(self, proof: str) -> bool:
        """Say whether somebody was let in within the last hour."""
        since = self._proven.get(proof)
        return since is not None and time.time() - since < PROVEN_SECONDS

    def forget(self, key: str) -> None:
        """Give up all proofs of a repository that nobody follows any more."""
        gone = [name for name in self._proven if name.startswith(f"{key}.")]
        for name in gone:
            del self._proven[name]
        asyncio.get_running_loop().run_in_executor(None, _remove, self._folder, gone)

    async def let_in(self, proof: str) -> None:
        """Take note that a remote has let somebody in. Raises `SourceError` where that cannot be written."""
        since = self._proven.get(proof)
        if since is not None and time.time() - since < PROVEN_SECONDS / 2:
            return
        try:
            await asyncio.to_thread(_write, self._folder / proof)
        except OSError as error:
            raise disk(error, str(self._folder)) from error
        self._proven[proof] = time.time()

    async def refused(self, proof: str) -> None:
        """Take note that a remote lets somebody in no longer."""
        if self._proven.pop(proof, None) is not None:
            await asyncio.to_thread(_remove, self._folder, [proof])


class Turns:
    """Bounds the work on one host for one who asks: nobody who is slow there holds up anybody else."""

    def __init__(self, parallel: int) -> None:
        """Take how much goes on at the same time."""
        self._count = parallel
        self._parallel: dict[str, asyncio.Semaphore] = {}

    def of(self, key: str) -> asyncio.Semaphore:
        """Give what bounds the work of one key: a host and who asks."""
        while len(self._parallel) > HOSTS_KEPT:
            idle = next((host for host, turn in self._parallel.items() if not turn.locked()), None)
            if idle is None:
                break
            del self._parallel[idle]
        return self._parallel.setdefault(key, asyncio.Semaphore(self._count))


def _read(folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {path.name: path.stat().st_mtime for path in folder.iterdir()}


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
