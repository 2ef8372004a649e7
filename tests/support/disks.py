"""A disk that can be full: a file system of its own, a few megabytes large, in memory."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A folder on a file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Leave `leaving` bytes of room, and no more."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC
            if leaving:
                file.truncate(file.tell() - leaving)

    def make_room(self) -> None:
        """Take away what fills it."""
        self._filler.unlink()


@asynccontextmanager
async def small_disk(folder: Path, megabytes: int) -> AsyncIterator[SmallDisk]:
    """Give a small disk mounted at `folder`; the test is skipped where this user cannot mount one."""
    if os.getuid() != 0:
        pytest.skip("a full disk needs a file system of its own, and mounting one needs root")
    folder.mkdir(parents=True)
    options = ("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
    if await (await asyncio.create_subprocess_exec("mount", *options)).wait():
        pytest.skip("a full disk needs a file system of its own, and none can be mounted here")
    try:
        yield SmallDisk(folder)
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", str(folder))).wait()
