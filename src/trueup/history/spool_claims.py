"""Each process has a spool of its own; what one has left that is no more is claimed by the next.

A folder below `spool/` belongs to the process that holds the lock (flock) on the file `lock` in it; the kernel lets go
of it when the process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from trueup.history.spool import Spool


@dataclass(slots=True)
class Claimed:
    """A spool that belongs to this process while `lock` is open."""

    spool: Spool
    lock: FileIO

    def remove(self) -> None:
        """Remove the folder of a spool that is empty, and let go of it."""
        with contextlib.suppress(OSError):
            (self.spool.folder / "lock").unlink()
            self.spool.folder.rmdir()
        self.lock.close()


def claim(folder: Path, limit: int) -> Claimed | None:
    """Claim a folder, which is made if absent; `None` where another process holds it. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("wb", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return Claimed(Spool(folder, limit), lock)


def claim_left(parent: Path, own: Path, limit: int) -> list[Claimed]:
    """Claim all folders below `parent` whose processes are no more. Raises `OSError`."""
    folders = sorted(path for path in parent.iterdir() if path.is_dir() and path != own) if parent.is_dir() else []
    found = (claim(path, limit) for path in folders)
    return [item for item in found if item is not None]
