"""Fetches one tarball: from allowed hosts alone, up to a bound, and checked by its digest."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from trueup.core import redaction
from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.process import disk
from trueup.sources.archive.hosts import VARIABLE, AllowedHosts
from trueup.sources.web.guard import Forbidden, Guard
from trueup.sources.web.session import open_session, safe_words

LIMIT = 512 * 1024 * 1024
"""Bytes of a tarball as it lies at its URL."""

REDIRECTS = 5
_CHUNK = 256 * 1024
_LED = frozenset({301, 302, 303, 307, 308})
_WORDS = 300


async def download(url: str, digest: str, target: Path, hosts: AllowedHosts, shown: str) -> None:
    """Write a tarball to a file. Raises `SourceError`; time is bounded by whoever asks."""
    algorithm, _, wanted = digest.partition(":")
    guard = Guard(hosts.by_name)
    again = "it is tried again; what was fetched before stays in use"
    try:
        async with open_session(guard, 1) as session:
            answer = await _followed(session, url, hosts, guard, shown)
            async with answer:
                if answer.status != 200:
                    words = f"{shown}: {_place(url)} answers HTTP {answer.status}; {again}"
                    raise SourceError(Fault.NOT_FOUND if answer.status == 404 else Fault.UNREACHABLE, words)
                found = await _written(answer, target, algorithm, shown)
    except Forbidden as error:
        raise SourceError(Fault.HOSTILE, f"{shown}: {_place(url)} is not asked: {error}") from error
    except aiohttp.ClientSSLError as error:
        untrusted = f"the certificate of {_place(url)} is not trusted, or it speaks no TLS"
        words = f"{shown}: {untrusted}: {safe_words(error)}; {again}"
        raise SourceError(Fault.UNREACHABLE, words) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        words = f"{shown}: {_place(url)}: {safe_words(error)}; {again}"
        raise SourceError(Fault.UNREACHABLE, words) from error
    if found != wanted:
        words = (
            f"{shown}: the tarball does not have the digest that is told of it, {algorithm}:{wanted[:12]}…, but "
            f"{algorithm}:{found[:12]}…; it is not taken, and tried again; what was fetched before stays in use"
        )
        raise SourceError(Fault.PROTOCOL, words)


async def _followed(
    session: aiohttp.ClientSession, url: str, hosts: AllowedHosts, guard: Guard, shown: str
) -> aiohttp.ClientResponse:
    """Ask, and follow where it is led to: each place must be allowed."""
    place = url
    for _ in range(REDIRECTS + 1):
        check_url(place, hosts, shown)
        guard.check(URL(place).host or "")
        headers = {"User-Agent": "trueup", "Accept-Encoding": "identity"}
        answer = await session.get(URL(place), headers=headers, allow_redirects=False)
        if answer.status not in _LED:
            return answer
        place = urljoin(place, answer.headers.get("Location", ""))
        answer.release()
    raise ValueError(f"it leads on more than {REDIRECTS} times")


def check_url(url: str, hosts: AllowedHosts, shown: str) -> None:
    """Raise `SourceError` (URL) for what is no URL that is fetched from."""
    try:
        place = URL(url)
        host = place.host or ""
    except ValueError:
        raise SourceError(Fault.URL, f"{shown}: its URL cannot be read; it is http(s)://HOST/PATH") from None
    if place.scheme not in ("http", "https") or not host:
        raise SourceError(Fault.URL, f"{shown}: {_place(url)} is no http:// or https:// URL")
    if place.user or place.password:
        raise SourceError(Fault.URL, f"{shown}: {_place(url)} holds a user, which is not sent to anybody")
    if not hosts.allows(host):
        known = ", ".join(hosts.patterns)
        words = (
            f"{shown}: {_place(url)} is not asked: artifacts are fetched from {known} alone; "
            f"have the host added to {VARIABLE} of the controller"
        )
        raise SourceError(Fault.URL, words)


async def _written(answer: aiohttp.ClientResponse, target: Path, algorithm: str, shown: str) -> str:
    hashing, written = hashlib.new(algorithm), 0
    try:
        with target.open("xb") as file:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                written += len(chunk)
                if written > LIMIT:
                    raise SourceError(Fault.TOO_LARGE, f"{shown}: its tarball has more than {amount(LIMIT)}")
                await _taken(file, hashing, chunk, shown)
    except aiohttp.ClientPayloadError as error:
        words = f"{shown}: its tarball ends in the middle; it is tried again; what was fetched before stays in use"
        raise SourceError(Fault.UNREACHABLE, words) from error
    return hashing.hexdigest()


async def _taken(file: Any, hashing: Any, chunk: bytes, shown: str) -> None:
    def work() -> None:
        file.write(chunk)
        hashing.update(chunk)

    try:
        await asyncio.to_thread(work)
    except OSError as error:
        raise disk(error, shown) from error


def _place(url: str) -> str:
    return redaction.hide_user(url)[:_WORDS]
