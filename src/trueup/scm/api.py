"""Asking a host's API: bounded in time, size and number of pages, with its rate limits kept.

No redirect is followed, since it would take the token elsewhere, and no link of an answer is. A host that asks for
patience is left alone until then: short waits are waited for, longer ones are told to whoever asked.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import aiohttp
import msgspec

from trueup.core.redaction import redact
from trueup.scm.access import Access
from trueup.scm.host import Fault, HostError

ANSWER_LIMIT = 8 * 1024 * 1024
"""Bytes of one answer."""

PAGES = 10
"""Pages of one list; what lies behind is taken for absent."""

PATIENCE = 10.0
"""The longest wait for a rate limit, in seconds, that is waited for here."""

LONGEST_WAIT = 3600.0
TIMEOUT = 20.0
TRIES = 3
FIRST_PAUSE = 0.1

T = TypeVar("T")
Headers = Callable[[], Awaitable[Mapping[str, str]]]


class Api:
    """The API at one base URL, for one repository. `headers` gives what lets each request in."""

    def __init__(self, session: aiohttp.ClientSession, base: str, access: Access, headers: Headers) -> None:
        """Take the session, which is its maker's to close."""
        self._session = session
        self._base = base.rstrip("/")
        self._access = access
        self._headers = headers
        self._closed_until = 0.0

    async def one(
        self, kind: type[T], method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None
    ) -> T:
        """Ask and read one value. Raises `HostError`."""
        content, _ = await self._asked(method, path, query, body)
        return self._read(content, kind)

    async def all(self, kind: type[T], path: str, query: Mapping[str, str] | None = None) -> list[T]:
        """Read a list, page by page, as far as `PAGES`. Raises `HostError`."""
        found: list[T] = []
        for page in range(1, PAGES + 1):
            content, more = await self._asked("GET", path, {**(query or {}), "page": str(page)}, None)
            items: list[T] = self._read(content, list[kind])  # type: ignore[valid-type]
            found += items
            if not more or not items:
                break
        return found

    def _read(self, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, RecursionError) as error:
            raise HostError(
                Fault.ANSWER, f"{self._base} gave an answer that its API does not describe: {str(error)[:200]}"
            ) from None

    async def _asked(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> tuple[bytes, bool]:
        for attempt in range(1, TRIES + 1):
            await self._admitted()
            try:
                return await self._once(method, path, query, body)
            except HostError as error:
                # What may have been done already is not done again; what was refused for its rate was not done.
                limited = error.fault is Fault.RATE_LIMITED and (error.again or 0.0) <= PATIENCE
                out_of_order = error.fault is Fault.UNREACHABLE and method == "GET"
                if attempt == TRIES or not (limited or out_of_order):
                    raise
                await asyncio.sleep((error.again or 0.0) if limited else FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    async def _admitted(self) -> None:
        wait = self._closed_until - time.monotonic()
        if wait > PATIENCE:
            raise HostError(Fault.RATE_LIMITED, f"{self._base} asks for {wait:.0f} s of patience", wait)
        if wait > 0:
            await asyncio.sleep(wait)

    async def _once(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> tuple[bytes, bool]:
        headers = {"Accept": "application/json", "User-Agent": "trueup", **await self._headers()}
        data = None
        if body is not None:
            data, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        try:
            async with asyncio.timeout(TIMEOUT), self._session.request(
                method,
                f"{self._base}{path}",
                params=query,
                data=data,
                headers=headers,
                allow_redirects=False,
                proxy=self._access.proxy or None,
            ) as answer:  # fmt: skip
                content = await _bounded(answer, self._base)
                self._check(answer, content, method, path)
                return content, "next" in answer.links
        except TimeoutError:
            raise HostError(Fault.UNREACHABLE, f"{self._base} gave no answer within {TIMEOUT:.0f} s", 30.0) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = redact(f"{type(error).__name__}: {error}", self._access.secrets)[:300]
            raise HostError(Fault.UNREACHABLE, f"{self._base} is not reached: {words}", 30.0) from None

    def _check(self, answer: aiohttp.ClientResponse, content: bytes, method: str, path: str) -> None:
        status = answer.status
        wait = _wait(answer)
        if status == 429 or (status in (403, 503) and wait is not None):
            seconds = min(max(wait if wait is not None else 60.0, 0.1), LONGEST_WAIT)
            self._closed_until = time.monotonic() + seconds
            raise HostError(Fault.RATE_LIMITED, f"{self._base} asks for {seconds:.0f} s of patience", seconds)
        if 200 <= status < 300:
            return
        said = redact(_words(content), self._access.secrets)
        text = f"{self._base} answered {status} to {method} {path.partition('?')[0]}{f': {said}' if said else ''}"
        if status in (401, 403):
            raise HostError(Fault.CREDENTIALS, f"{text}; check the token, and what it may do")
        if status == 404:
            raise HostError(Fault.NOT_FOUND, f"{text}; check the repository's URL, and whether the token may see it")
        if status >= 500:
            raise HostError(Fault.UNREACHABLE, text, 30.0)
        if 300 <= status < 400:
            raise HostError(Fault.REFUSED, f"{text}; redirects are not followed: write the URL that it leads to")
        raise HostError(Fault.REFUSED, text)


@lru_cache(maxsize=32)
def trust(ca: str) -> ssl.SSLContext:
    """Give the TLS settings that trust these certificates, the system's where there are none. Blocks for its files.

    Raises `HostError` where they cannot be read.
    """
    try:
        return ssl.create_default_context(cadata=ca or None)
    except (ssl.SSLError, ValueError):
        raise HostError(Fault.CREDENTIALS, "the Secret's ca.crt holds no certificates in PEM") from None


async def _bounded(answer: aiohttp.ClientResponse, base: str) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > ANSWER_LIMIT:
            raise HostError(Fault.ANSWER, f"{base} gave an answer of more than {ANSWER_LIMIT} bytes")
    return bytes(content)


def _wait(answer: aiohttp.ClientResponse) -> float | None:
    """Read how long the host wants to be left alone, in seconds: `Retry-After`, or a spent budget's reset."""
    headers = answer.headers
    if after := headers.get("Retry-After", ""):
        return float(after) if after.isdecimal() and len(after) < 8 else 60.0
    if headers.get("X-RateLimit-Remaining", headers.get("RateLimit-Remaining")) == "0":
        reset = headers.get("X-RateLimit-Reset", headers.get("RateLimit-Reset", ""))
        return float(reset) - time.time() if reset.isdecimal() and len(reset) < 12 else 60.0
    return None


class _Message(msgspec.Struct):
    message: Any = None
    error: Any = None
    errors: Any = None


def _words(content: bytes) -> str:
    """Give what the host says of an error, in one line."""
    try:
        read = msgspec.json.decode(content, type=_Message)
    except (msgspec.DecodeError, RecursionError):
        return ""
    said = [item for item in (read.message, read.error, read.errors) if item]
    return " ".join(" ".join(str(item).split()) for item in said)[:300]
