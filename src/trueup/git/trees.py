"""Trees on disk: each is written once, keyed by its id, read-only, and removed when nobody has used it for long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.access import base_environment
from trueup.git.listing import LINK, Listing
from trueup.git.process import disk


class Checkout(msgspec.Struct, frozen=True):
    """A tree that is held: its folder and its content by id."""

    path: Path
    ids: Listing


class Trees:
    """The folder of extracted trees. A tree that is held is never removed."""

    def __init__(self, folder: Path, keep: int, git: str) -> None:
        """Take where they lie, and how many may stay without a user."""
        self._folder = folder
        self._keep = keep
        self._git = git
        self._held: dict[str, int] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Take over what an earlier process has left; halves of trees are removed."""
        await asyncio.to_thread(self._adopt)

    def _adopt(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.iterdir(), key=lambda item: item.stat().st_mtime):
            if path.suffix == ".part":
                _remove(path)
            else:
                self._idle[path.name] = None

    @asynccontextmanager
    async def hold(self, mirror: Path, listing: Listing, shown: str) -> AsyncIterator[Checkout]:
        """Hold a tree on disk, written first if it is not there. Raises `SourceError`."""
        key = listing.tree
        self._held[key] = self._held.get(key, 0) + 1
        self._idle.pop(key, None)
        path = self._folder / key
        try:
            async with self._locks.setdefault(key, asyncio.Lock()):
                if not path.exists():
                    await asyncio.to_thread(self._write, mirror, listing, path, shown)
            yield Checkout(path, listing)
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
                self._locks.pop(key, None)
                self._idle[key] = None
                self._collect()

    def _collect(self) -> None:
        while len(self._idle) > self._keep:
            key, _ = self._idle.popitem(last=False)
            path = self._folder / key
            gone = self._folder / f"{key}.{uuid4().hex[:6]}.part"
            try:
                path.rename(gone)
            except OSError:
                continue
            asyncio.get_running_loop().run_in_executor(None, _remove, gone)

    def _write(self, mirror: Path, listing: Listing, path: Path, shown: str) -> None:
        part = path.with_name(f"{path.name}.{uuid4().hex[:6]}.part")
        try:
            part.mkdir(parents=True)
            self._extract(mirror, listing, part, shown)
            part.rename(path)
        except OSError as error:
            _remove(part)
            if path.exists():
                return
            raise disk(error, shown) from error
        except SourceError:
            _remove(part)
            raise

    def _extract(self, mirror: Path, listing: Listing, part: Path, shown: str) -> None:
        """Copy every file out of the mirror, byte by byte as it is: no filter, no attribute and no hook has a say."""
        environment = {**base_environment(), "GIT_DIR": str(mirror)}
        files = list(listing.files())
        with subprocess.Popen(
            [self._git, "cat-file", "--batch"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            # Written from a thread of its own: Git answers before it has read everything.
            asking = threading.Thread(target=_ask, args=(process.stdin, [item.id for item in files]), daemon=True)
            asking.start()
            made = {part}
            for item in files:
                head = process.stdout.readline().split()
                if len(head) != 3 or head[1] != b"blob":
                    raise SourceError(Fault.CACHE, f"{shown}: {item.path} is missing in the cache; it is fetched again")
                content = process.stdout.read(int(head[2]))
                process.stdout.read(1)
                target = part / os.fsencode(item.path).decode("utf-8", "surrogateescape")
                if target.parent not in made:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    made.add(target.parent)
                if item.mode == LINK:
                    target.symlink_to(os.fsdecode(content))
                    continue
                with target.open("xb") as file:
                    file.write(content)
                target.chmod(0o555 if item.mode == "100755" else 0o444)
        for folder in made:
            folder.chmod(0o555)
        part.chmod(0o755)


def _ask(stdin: IO[bytes], ids: list[str]) -> None:
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(b"".join(item.encode() + b"\n" for item in ids))


def _remove(path: Path) -> None:
    """Remove a tree, whose folders are read-only."""
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path, ignore_errors=True)
