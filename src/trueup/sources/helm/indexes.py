"""Indexes of repositories, by digest: asked for only where they have changed, read once, and found in by chart.

An index lies on disk as it came, with a database of its charts beside it (`indexing.py`), so that one of any size takes
no memory, and one that did not change costs one request.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.process import disk
from trueup.scripts import run_script
from trueup.shared import Shared
from trueup.sources.cache import Cache
from trueup.sources.helm.address import HelmAddress
from trueup.sources.helm.choosing import Entry, choose
from trueup.sources.helm.server import ChartServer, refusal
from trueup.sources.web.client import CHUNK, take_in
from trueup.sources.web.credentials import WebCredentials

INDEX_LIMIT = 128 * 1024 * 1024
"""Bytes of an index."""

ENTRIES_LIMIT = 250_000
"""Versions of charts in an index."""

READ_SECONDS = 120.0
READERS = 2
"""Indexes that are read at the same time."""

KEPT_INDEXES = 64
KEPT_BYTES = 4 * 1024 * 1024 * 1024
ANSWERS_KEPT = 10_000
LEFT_SECONDS = 3600.0
LONGEST_MARK = 1024

_SCRIPT = Path(__file__).with_name("indexing.py")


class Index(msgspec.Struct, frozen=True):
    """An index on disk: its digest by SHA-256, its size in bytes, and where it lies."""

    digest: str
    size: int
    folder: Path

    @property
    def file(self) -> Path:
        """The index as it came."""
        return self.folder / "index.yaml"

    @property
    def charts(self) -> Path:
        """The database of its charts."""
        return self.folder / "charts.db"


class _Mark(msgspec.Struct):
    """What is known of a repository's index: which it is, and how the server tells whether it has changed."""

    digest: str
    etag: str = ""
    modified: str = ""


class Indexes:
    """The indexes of all repositories of this process."""

    def __init__(self, cache: Cache) -> None:
        """Take the cache whose folder they lie in."""
        self._folder = cache.settings.cache / "indexes"
        self._window = cache.settings.poll_window
        self._asking: Shared[Index] = Shared()
        self._readers = asyncio.Semaphore(READERS)
        self._answers: dict[tuple[str, str], tuple[float, Index]] = {}

    async def current(self, address: HelmAddress, creds: WebCredentials, timeout: float, fresh: bool = False) -> Index:
        """Give a repository's index, asked for once for all who ask with the same credentials. Raises `SourceError`."""
        key = (address.index, creds.who)
        answer = self._answers.get(key)
        if answer is not None and not fresh and time.monotonic() - answer[0] < self._window:
            return answer[1]

        async def ask() -> Index:
            asked = time.monotonic()
            try:
                found = await self._asked(address, creds, timeout)
            except OSError as error:
                raise disk(error, address.shown) from error
            if len(self._answers) > ANSWERS_KEPT:
                self._answers.clear()
            self._answers[key] = (asked, found)
            return found

        began = time.monotonic()
        found = await self._asking.one(key, ask)
        if fresh and (key not in self._answers or self._answers[key][0] < began):
            # Somebody had asked before us, and may not have seen what we are to find.
            found = await self._asking.one(key, ask)
        return found

    async def known(self, digest: str) -> Index | None:
        """Give an index that was fetched before, by its digest; `None` where it is not here."""
        return await asyncio.to_thread(self._kept, digest)

    async def find(self, index: Index, chart: str, version: str, shown: str) -> Entry:
        """Find the version of a chart that is wanted. Raises `SourceError` where there is none."""
        try:
            return await asyncio.to_thread(choose, index.charts, chart, version, shown)
        except OSError as error:
            raise disk(error, shown) from error

    # ----------------------------------------------------------------------------------------------- asking

    async def _asked(self, address: HelmAddress, creds: WebCredentials, timeout: float) -> Index:
        shown = address.shown
        name = hashlib.sha256(f"{address.index}\0{creds.who}".encode()).hexdigest()[:32]
        path = self._folder / f"{name}.json"
        mark = await asyncio.to_thread(_read_mark, path)
        known = await self.known(mark.digest) if mark is not None else None
        headers = _conditions(mark) if mark is not None and known is not None else {}
        part = self._folder / f"{uuid4().hex}.part"
        try:
            async with (
                asyncio.timeout(timeout),
                ChartServer(address, creds) as server,
                server.got(address.index, headers) as answer,
            ):
                if answer.status == 304 and known is not None:
                    return known
                if answer.status != 200:
                    raise await refusal(answer, server, shown, Fault.NOT_FOUND)
                digest, size = await self._downloaded(answer, part, shown)
                mark = _mark_of(digest, answer.headers)
            async with self._readers:
                found = await self._read(part, digest, size, shown)
            await asyncio.to_thread(_write_mark, path, mark)
            return found
        except TimeoutError as error:
            raise too_slow(shown, timeout) from error
        finally:
            await asyncio.shield(asyncio.to_thread(part.unlink, missing_ok=True))

    async def _downloaded(self, answer: aiohttp.ClientResponse, part: Path, shown: str) -> tuple[str, int]:
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            words = f"{shown}: the server packs the index though it was asked not to; have it sent as it is"
            raise SourceError(Fault.PROTOCOL, words)
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        hashing, size = hashlib.sha256(), 0
        with part.open("xb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > INDEX_LIMIT:
                    words = f"{shown}: the index has more than {amount(INDEX_LIMIT)}, which is not read"
                    raise SourceError(Fault.TOO_LARGE, words)
                await asyncio.to_thread(take_in, file, hashing, chunk)
        return hashing.hexdigest(), size

    async def _read(self, part: Path, digest: str, size: int, shown: str) -> Index:
        """Read what was downloaded, unless it was read before."""
        if (known := await self.known(digest)) is not None:
            return known
        folder = self._folder / f"{digest}.{uuid4().hex[:6]}.part"
        await asyncio.to_thread(folder.mkdir)
        try:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    arguments: list[str | Path] = [part, folder / "charts.db", str(ENTRIES_LIMIT)]
                    said = await run_script(_SCRIPT, arguments, libraries=True)
            except RuntimeError as error:
                raise SourceError(Fault.HOSTILE, f"{shown}: the index cannot be read: {error}") from error
            if "refused" in said:
                fault = Fault.TOO_LARGE if said["too_large"] else Fault.HOSTILE
                words = f"{shown}: what lies at its index.yaml is no index of a Helm repository: {said['refused']}"
                raise SourceError(fault, words)
            await asyncio.to_thread(_settle, part, folder, self._folder / digest)
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, folder))
        await asyncio.to_thread(self._tidy, digest)
        return Index(digest, size, self._folder / digest)

    # ------------------------------------------------------------------------------------------------ on disk

    def _kept(self, digest: str) -> Index | None:
        index = Index(digest, 0, self._folder / digest)
        try:
            size = index.file.stat().st_size
            index.charts.stat()
            index.folder.touch()
        except OSError:
            return None
        return msgspec.structs.replace(index, size=size)

    def _tidy(self, current: str) -> None:
        """Remove the indexes that were used longest ago, beyond what is kept (blocking)."""
        found = []
        for path in self._folder.iterdir():
            if path.suffix == ".part" and time.time() - path.stat().st_mtime > LEFT_SECONDS:
                # A process that was killed has left it.
                _remove(path)
                continue
            if path.is_dir() and path.suffix != ".part":
                found.append((path.name == current, path.stat().st_mtime, path))
        total = 0
        for number, (_, _, path) in enumerate(sorted(found, reverse=True)):
            total += sum(each.stat().st_size for each in path.iterdir())
            if number and (number >= KEPT_INDEXES or total > KEPT_BYTES):
                _remove(path)


def too_slow(shown: str, timeout: float) -> SourceError:
    """Say that a server has not answered in time."""
    words = f"{shown}: no answer within {timeout:.0f} s; it is tried again; what was fetched before stays in use"
    return SourceError(Fault.TIMEOUT, words)


def _conditions(mark: _Mark) -> dict[str, str]:
    found = {"If-None-Match": mark.etag, "If-Modified-Since": mark.modified}
    return {name: value for name, value in found.items() if value}


def _mark_of(digest: str, headers: Mapping[str, str]) -> _Mark:
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    fits = [text if len(text) <= LONGEST_MARK else "" for text in (etag, modified)]
    return _Mark(digest, *fits)


def _read_mark(path: Path) -> _Mark | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Mark)
    except (OSError, msgspec.DecodeError):
        return None


def _write_mark(path: Path, mark: _Mark) -> None:
    part = path.with_name(f"{path.stem}.{uuid4().hex[:6]}.part")
    part.write_bytes(msgspec.json.encode(mark))
    part.replace(path)


def _settle(part: Path, folder: Path, target: Path) -> None:
    if all((target / name).exists() for name in ("index.yaml", "charts.db")):
        # Somebody else has read the same meanwhile, and it may be in use.
        return
    part.rename(folder / "index.yaml")
    _remove(target)
    folder.rename(target)


def _remove(folder: Path) -> None:
    if not folder.is_dir():
        folder.unlink(missing_ok=True)
        return
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()
