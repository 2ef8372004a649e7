"""The user's cache folder: where it is, and how two processes share it."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return Trueup's folder in the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`), made if absent."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    folder = base / "trueup"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the file lock `path` for the block; other processes wait for it.

    The kernel drops the lock when its holder dies, so nothing is ever left locked. `on_wait` is called once if the
    lock is held by another.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def discard_oldest(folder: Path, keep: int) -> None:
    """Delete all but the `keep` most recently used subfolders of `folder` (by modification time)."""
    entries = [entry for entry in folder.iterdir() if entry.is_dir()]
    entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in entries[keep:]:
        shutil.rmtree(entry, ignore_errors=True)
