"""Trees on disk: each is written once, keyed by its id, read-only, and removed when nobody has used it for long."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.access import base_environment
from trueup.git.extracting import extract
from trueup.git.process import disk
from trueup.git.tree.listing import Item, Listing
from trueup.scripts import run_script

FEW = 200
"""Files that are written sooner than another process has started; a tree that differs by so few is changed in place."""

SMALL = 16 * 1024 * 1024
"""Bytes that are written so."""

ROOM = 128 * 1024 * 1024
"""Free bytes below which no tree is changed in place."""

LINK, WRITE, GONE, KEEP = "link", "write", "gone", "keep"
"""What is done with a file, as the script is told."""

Wanted = tuple[Item, str]
"""A file, and what is done with it."""

_SCRIPT = Path(__file__).with_name("extracting.py")


class Checkout(msgspec.Struct, frozen=True):
    """A tree that is held: its folder and its content by id."""

    path: Path
    ids: Listing


class Trees:
    """The folder of extracted trees, each of the tenant who wanted it first. A tree that is held is never removed."""

    def __init__(self, folder: Path, keep: int, git: str) -> None:
        """Take where they lie, and how many may stay without a user."""
        self._folder = folder
        self._keep = keep
        self._git = git
        self._held: dict[str, int] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._owners: dict[str, tuple[str, int]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._last: dict[Path, Listing] = {}

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
    async def hold(self, mirror: Path, listing: Listing, shown: str, owner: str = "") -> AsyncIterator[Checkout]:
        """Hold a tree on disk, written first if it is not there. Raises `SourceError`."""
        key = listing.tree
        self._held[key] = self._held.get(key, 0) + 1
        self._idle.pop(key, None)
        path = self._folder / key
        try:
            async with self._locks.setdefault(key, asyncio.Lock()):
                if not path.exists():
                    await self._write(mirror, listing, path, shown)
                    self._owners[key] = (owner, sum(item.size for item in listing.files()))
                    self._last[mirror] = listing
            yield Checkout(path, listing)
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
                self._locks.pop(key, None)
                self._idle[key] = None
                self._collect()

    def forget(self, mirror: Path) -> None:
        """Forget which tree of a repository was written last."""
        self._last.pop(mirror, None)

    def size(self, owner: str) -> int:
        """Give the bytes of a tenant's trees."""
        return sum(size for one, size in self._owners.values() if one == owner)

    def give_up(self, owner: str) -> bool:
        """Remove the tree of a tenant that was used longest ago; `False` where none is idle."""
        key = next((key for key in self._idle if self._owner(key) == owner), None)
        if key is not None:
            self._give_up(key)
        return key is not None

    def _owner(self, key: str) -> str:
        return self._owners.get(key, ("", 0))[0]

    def _collect(self) -> None:
        """Keep so many; of more, the tenant who has most loses what it used longest ago."""
        while len(self._idle) > self._keep:
            owners = Counter(map(self._owner, self._idle))
            self.give_up(max(owners, key=lambda owner: owners[owner]))

    def _give_up(self, key: str) -> None:
        del self._idle[key]
        self._owners.pop(key, None)
        gone = self._folder / f"{key}.{uuid4().hex[:6]}.part"
        try:
            (self._folder / key).rename(gone)
        except OSError:
            return
        asyncio.get_running_loop().run_in_executor(None, _remove, gone)

    async def _write(self, mirror: Path, listing: Listing, path: Path, shown: str) -> None:
        part = path.with_name(f"{path.name}.{uuid4().hex[:6]}.part")
        try:
            base = self._base(mirror)
            wanted = _changes(base, listing) if base is not None else []
            roomy = base is not None and _few(wanted) and await asyncio.to_thread(self._roomy)
            if base is not None and roomy and self._taken(base, part):
                await self._extract(mirror, wanted, part, shown, None)
            else:
                part.mkdir(parents=True)
                await self._extract(mirror, _all(base, listing), part, shown, base)
            part.rename(path)
        except OSError as error:
            await asyncio.to_thread(_remove, part)
            if await asyncio.to_thread(path.exists):
                return
            raise disk(error, shown) from error
        except BaseException:
            await asyncio.shield(asyncio.to_thread(_remove, part))
            raise

    def _base(self, mirror: Path) -> Listing | None:
        """Give the last tree that was written of a repository, as long as it is there."""
        last = self._last.get(mirror)
        return last if last is not None and (self._folder / last.tree).exists() else None

    def _roomy(self) -> bool:
        """Say whether the disk has room: where a change in place fails for want of it, the tree before is lost too."""
        return shutil.disk_usage(self._folder).free > ROOM

    def _taken(self, base: Listing, part: Path) -> bool:
        """Take a tree that nobody holds, to make the next one of it: the two differ by little."""
        if base.tree in self._held:
            return False
        try:
            (self._folder / base.tree).rename(part)
        except OSError:
            return False
        self._idle.pop(base.tree, None)
        self._owners.pop(base.tree, None)
        return True

    async def _extract(self, mirror: Path, wanted: list[Wanted], part: Path, shown: str, base: Listing | None) -> None:
        """Do in a folder what is wanted of its files; `base` is the tree that they are linked from."""
        places: list[str | Path] = [self._git, part, *([self._folder / base.tree] if base is not None else [])]
        records = b"".join(_record(item, how) for item, how in wanted)
        environment = {**base_environment(), "GIT_DIR": str(mirror)}
        if not _few(wanted):
            said = await run_script(_SCRIPT, places, stdin=records, environment=environment)
        else:
            git, folder, *before = (os.fsencode(place) for place in places)
            said = await asyncio.to_thread(extract, git, folder, b"".join(before), records, environment)
        if "missing" in said:
            raise SourceError(Fault.CACHE, f"{shown}: {said['missing']} is missing in the cache; it is fetched again")


def _all(base: Listing | None, listing: Listing) -> list[Wanted]:
    """Give every file: linked where it stands in the tree before as it is wanted, else written."""
    known = base.items if base is not None else {}
    return [(item, LINK if known.get(item.path) == item else WRITE) for item in listing.files()]


def _changes(base: Listing, listing: Listing) -> list[Wanted]:
    """Give what makes the tree before the one that is wanted: what goes first, then what is written or stands."""
    gone = [(item, GONE) for item in base.files() if listing.items.get(item.path) != item]
    return gone + [(item, KEEP if base.items.get(item.path) == item else WRITE) for item in listing.files()]


def _few(wanted: list[Wanted]) -> bool:
    """Say whether this is done sooner than another process has started."""
    others = [item.size for item, how in wanted if how != KEEP]
    return len(others) <= FEW and sum(others) <= SMALL


def _record(item: Item, how: str) -> bytes:
    head = f"{item.mode} {item.id} {how} "
    return head.encode() + item.path.encode("utf-8", "surrogateescape") + b"\0"


def _remove(path: Path) -> None:
    """Remove a tree, whose folders are read-only."""
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o755)
    shutil.rmtree(path, ignore_errors=True)
