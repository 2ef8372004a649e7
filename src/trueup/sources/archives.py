"""Archives that were fetched from somewhere: their files go into a Git repository of ours, once and within the quotas.

So they are listed, left out, written and bounded as those of Git sources, and the same files are the same tree.
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

from trueup.core.model.artifact import Fault, SourceError
from trueup.fairness import TENANT
from trueup.git.access import base_environment
from trueup.git.mirror import Mirror
from trueup.git.process import GitFailed, disk
from trueup.scripts import run_script
from trueup.sources.cache import Cache

UNPACK_SECONDS = 300.0
REFUSED_KEPT = 1000
REFUSED_SECONDS = 600.0
"""Seconds for which an archive that was refused for what it holds is not fetched again."""

_SCRIPT = Path(__file__).with_name("unpacking.py")


class Wanted(msgspec.Struct, frozen=True):
    """An archive: the ref that its files are kept by, the id of its revision, and how it is called in messages.

    `shown` is its source's URL, `name` what of it is unpacked. `unwrap`: the folder that all is packed in is left out.
    """

    ref: str
    id: str
    shown: str
    name: str
    unwrap: bool = False


class Archives:
    """Keeps archives' files in the mirrors of a cache."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache, which somebody else starts."""
        self._cache = cache
        self._refused: OrderedDict[tuple[str, str], tuple[float, SourceError]] = OrderedDict()

    async def commit(self, mirror: Mirror, ref: str) -> str:
        """Give the commit of an archive's files, empty where they are not here."""
        if mirror.suspect or not mirror.folder.exists():
            return ""
        try:
            raw = await mirror.git(["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"])
        except GitFailed:
            return ""
        return raw.decode().strip()

    async def kept(self, mirror: Mirror, wanted: Wanted, bring: Callable[[], Awaitable[None]]) -> str:
        """Have an archive's files brought here within the quotas, and give their commit. Raises `SourceError`."""
        quotas, tenant, shown = self._cache.quotas, TENANT.get(), wanted.shown
        held = (mirror.address, wanted.ref)
        since, error = self._refused.get(held, (0.0, None))
        if error is not None and time.monotonic() - since < REFUSED_SECONDS:
            raise SourceError(error.fault, str(error))
        quotas.admit(mirror, tenant, wanted.id, shown)
        try:
            await bring()
            if quotas.too_large(await quotas.measure(mirror)):
                # What was wanted once may be most of it: only what is wanted now is fetched anew.
                await mirror.renew()
                await bring()
                await quotas.measure(mirror)
            quotas.check(mirror, tenant, wanted.id, shown)
        except SourceError as refused:
            if refused.fault in (Fault.HOSTILE, Fault.TOO_LARGE):
                self._refused[held] = (time.monotonic(), refused)
                while len(self._refused) > REFUSED_KEPT:
                    self._refused.popitem(last=False)
            raise
        commit = await self.commit(mirror, wanted.ref)
        if not commit:
            raise SourceError(Fault.CACHE, f"{shown}: {wanted.name} was fetched and is not there; tried again")
        return commit

    @asynccontextmanager
    async def folder(self, shown: str) -> AsyncIterator[Path]:
        """Give a folder for what is fetched, which goes afterwards. Raises `SourceError` where the disk is full."""
        folder = self._cache.settings.cache / "mirrors" / f"{uuid4().hex}.part"
        try:
            folder.mkdir(parents=True)
            yield folder
        except OSError as error:
            raise disk(error, shown) from error
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def unpack(self, mirror: Mirror, archive: Path, wanted: Wanted, message: bytes) -> None:
        """Put an archive's files into a mirror, with a message at their commit. Raises `SourceError`."""
        limits = self._cache.settings.limits
        numbers = [str(each) for each in (limits.tree, limits.file, limits.files, limits.depth)]
        strip = "1" if wanted.unwrap else "0"
        arguments = [self._cache.settings.git, str(archive), wanted.ref, strip, *numbers]

        async def work(git: Path) -> None:
            try:
                async with asyncio.timeout(UNPACK_SECONDS):
                    environment = base_environment() | {"GIT_DIR": str(git)}
                    said = await run_script(_SCRIPT, arguments, stdin=message, environment=environment)
            except RuntimeError as error:
                words = f"{wanted.shown}: {wanted.name} cannot be unpacked: {error}"
                raise SourceError(Fault.CACHE, words) from error
            if "refused" in said:
                fault = Fault.TOO_LARGE if said["too_large"] else Fault.HOSTILE
                words = f"{wanted.shown}: {wanted.name} is not taken: {said['refused']}; push another artifact"
                raise SourceError(fault, words)

        await mirror.take(work)
