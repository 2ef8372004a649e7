"""Folders of clusters that are not kept, and the removal of those whose owner could not do it."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

from trueup.devtools.localcluster.layout import Layout

_PREFIX = "trueup-cluster-"
# Between the making of a folder and the taking of its lock lies a moment (or a build of the binaries).
_YOUNG_S = 1800.0


def ephemeral_folder() -> Path:
    """Make an empty folder for a cluster that is not kept; remove those left behind by killed processes."""
    _sweep(Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            lock = Layout(folder).lock
            if status.st_uid != os.getuid() or folder.is_symlink():
                continue
            if not lock.exists():
                if time.time() - status.st_mtime > _YOUNG_S:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            with lock.open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
