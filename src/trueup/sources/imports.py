"""Files that come from elsewhere than Git, kept as commits in mirrors of ours.

So they are listed, left out, written to disk and bounded as those of Git sources, and equal files are equal trees.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from trueup.core.model.artifact import Fault, IgnoreRules, Provenance, SourceError
from trueup.fairness import TENANT
from trueup.git.access import base_environment
from trueup.git.commits import parse_commit
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk
from trueup.scripts import run_script
from trueup.sources.cache import Cache

UNPACK_SECONDS = 300.0
REFUSED_KEPT = 1000
REFUSED_SECONDS = 600.0
"""Seconds for which what was refused for what it holds is not fetched again."""

_UNPACKING = Path(__file__).with_name("unpacking.py")


class Item(msgspec.Struct, frozen=True):
    """One version of something: `ref` names it in its mirror, `revision` is its id, `shown` names it in messages."""

    ref: str
    revision: str
    shown: str


class Imports:
    """Brings files into mirrors within the quotas, and reads them there."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self._cache = cache
        self._refused: OrderedDict[tuple[str, str], tuple[float, SourceError]] = OrderedDict()

    async def commit(self, mirror: Mirror, item: Item) -> str:
        """Give the commit of what was brought before, empty where it is not here."""
        if mirror.suspect or not mirror.folder.exists():
            return ""
        try:
            raw = await mirror.git(["rev-parse", "--verify", "--quiet", f"{item.ref}^{{commit}}"])
        except GitFailed:
            return ""
        return raw.decode().strip()

    async def brought(self, mirror: Mirror, item: Item, bring: Callable[[], Awaitable[None]]) -> str:
        """Have something brought into its mirror within the quotas, and give its commit. Raises `SourceError`."""
        quotas, tenant = self._cache.quotas, TENANT.get()
        held = (mirror.address, item.ref)
        since, error = self._refused.get(held, (0.0, None))
        if error is not None and time.monotonic() - since < REFUSED_SECONDS:
            raise SourceError(error.fault, str(error))
        quotas.admit(mirror, tenant, item.revision, item.shown)
        try:
            await bring()
            if quotas.too_large(await quotas.measure(mirror)):
                # What was wanted once may be most of it: only what is wanted now is fetched anew.
                await mirror.renew()
                await bring()
                await quotas.measure(mirror)
            quotas.check(mirror, tenant, item.revision, item.shown)
        except SourceError as refused:
            if refused.fault in (Fault.HOSTILE, Fault.TOO_LARGE):
                self._refused[held] = (time.monotonic(), refused)
                while len(self._refused) > REFUSED_KEPT:
                    self._refused.popitem(last=False)
            raise
        commit = await self.commit(mirror, item)
        if not commit:
            words = f"{item.shown}: {item.revision} was fetched and is not there; tried again"
            raise SourceError(Fault.CACHE, words)
        return commit

    @asynccontextmanager
    async def folder(self, shown: str) -> AsyncIterator[Path]:
        """Give a folder for what is fetched, removed on leaving. A full disk is a `SourceError`."""
        folder = self._cache.settings.cache / "mirrors" / f"{uuid4().hex}.part"
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise disk(error, shown) from error
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def unpack(
        self, mirror: Mirror, item: Item, blob: Path, what: str, *, message: bytes = b"{}", strip: bool = False
    ) -> None:
        """Put the files of a tarball into a mirror; `what` names the tarball. Raises `SourceError`."""
        limits = self._cache.settings.limits
        numbers = [str(each) for each in (limits.tree, limits.file, limits.files, limits.depth)]
        arguments = [str(blob), item.ref, "1" if strip else "0", *numbers]
        said = await self.run(mirror, item, _UNPACKING, arguments, message)
        if "refused" in said:
            fault = Fault.TOO_LARGE if said["too_large"] else Fault.HOSTILE
            raise SourceError(fault, f"{item.shown}: {what} is not taken: {said['refused']}; push another artifact")

    async def run(
        self, mirror: Mirror, item: Item, script: Path, arguments: list[str], stdin: bytes
    ) -> dict[str, object]:
        """Run a script that writes into a mirror; its first argument is Git's. Raises `SourceError`."""
        said: dict[str, object] = {}

        async def work(git: Path) -> None:
            environment = base_environment() | {"GIT_DIR": str(git)}
            try:
                async with asyncio.timeout(UNPACK_SECONDS):
                    arguments_of_script = [self._cache.settings.git, *arguments]
                    said.update(await run_script(script, arguments_of_script, stdin=stdin, environment=environment))
            except RuntimeError as error:
                raise SourceError(Fault.CACHE, f"{item.shown}: it cannot be unpacked: {error}") from error

        await mirror.take(work)
        return said

    async def read(self, mirror: Mirror, commit: str, item: Item) -> Provenance:
        """Read the commit of something. Raises `SourceError` (CACHE) where it is there no more."""
        raw = await mirror.commit(commit)
        if raw is None:
            words = f"{item.shown}: {item.revision} cannot be read in the cache; tried again"
            raise SourceError(Fault.CACHE, words)
        return parse_commit(commit, raw)

    async def tree(self, mirror: Mirror, tree: str, ignore: IgnoreRules, shown: str) -> str:
        """Give the tree that ignore rules leave of another one. Raises `SourceError`."""
        listing = await self._cache.contents.listing(mirror, tree, shown)
        return await self._cache.contents.reduced(mirror, listing, ignore, (), shown)


def too_slow(shown: str, timeout: float) -> SourceError:
    """Give the error of a server that takes too long."""
    words = f"{shown}: no answer within {timeout:.0f} s; it is tried again; what was fetched before stays in use"
    return SourceError(Fault.TIMEOUT, words)
