"""The demo's folder: made for one run, and removed by a later one where that run was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TextIO

PREFIX = "trueup-demo-"
_LOCK = "running"


class Folder:
    """A temporary folder that says, by a lock that the kernel gives up, whether its demo still runs."""

    def __init__(self) -> None:
        """Make it, and remove those of this user whose demo was killed. Raises OSError."""
        parent = Path(tempfile.gettempdir())
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # Locked before it has its name: nobody finds it unlocked.
        fresh = self.path / f"{_LOCK}.new"
        self._lock: TextIO = fresh.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        fresh.replace(self.path / _LOCK)

    def leave(self, *, keep: bool) -> None:
        """Remove it, or leave it to whoever wants to read what is in it."""
        if keep:
            (self.path / _LOCK).unlink(missing_ok=True)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _sweep(parent: Path) -> None:
    for lock in parent.glob(f"{PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):
            if lock.lstat().st_uid != os.getuid() or lock.parent.is_symlink() or lock.is_symlink():
                continue
            with lock.open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
