"""A client of one bucket: pages of its listing and objects, read up to bounds.

No redirect is followed: what is signed goes to the endpoint alone. A store that names another region is asked once
more for that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.process import disk
from trueup.sources.bucket.address import DEFAULT_REGION, BucketAddress
from trueup.sources.bucket.credentials import BucketCredentials
from trueup.sources.bucket.listing import Object, Page, read_page, said_in
from trueup.sources.bucket.signing import signed_headers
from trueup.sources.web.session import open_session, safe_words
from trueup.sources.web.tls import tls_context

PAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of one page of a listing: at most a thousand keys."""

CONNECTIONS = 8
_CHUNK = 256 * 1024
NO_BUCKET = "NoSuchBucket"
_LED = frozenset({301, 302, 303, 307, 308})
_SAFE = "-_.~"
_DENIED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})


class _Refused(Exception):
    """A store answers something else than what was asked for; all texts may be empty."""

    def __init__(self, status: int, code: str, message: str, region: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.code, self.message, self.region = status, code, message, region


class Moved(Exception):
    """An object is no more what the listing says."""


class Store:
    """One bucket. Use it as an async context manager. Every failure is a `SourceError`."""

    def __init__(self, address: BucketAddress, creds: BucketCredentials, region: str) -> None:
        """Take whom it asks as whom; `region` may be empty."""
        self._address = address
        self._creds = creds
        self._shown = address.shown
        self.region = region or DEFAULT_REGION
        self._session: aiohttp.ClientSession | None = None
        if creds.proxy and URL(creds.proxy).scheme not in ("http", "https"):
            words = f"{self._shown}: the proxy must be an http:// or https:// URL, and is none"
            raise SourceError(Fault.CREDENTIALS, words)

    async def __aenter__(self) -> Self:
        """Open connections when they are needed. Raises `SourceError` for certificates that cannot be read."""
        tls = await asyncio.to_thread(tls_context, self._creds, self._shown)
        self._session = open_session(aiohttp.ThreadedResolver(), CONNECTIONS, tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    async def page(self, prefix: str, more: str) -> Page:
        """Give one page of the listing; `more` is the token that the page before gave."""
        query = {"list-type": "2", "encoding-type": "url", "prefix": prefix, "continuation-token": more}
        asked = urlencode(sorted((key, value) for key, value in query.items() if value), quote_via=quote, safe=_SAFE)
        try:
            async with self._asked("", asked) as answer:
                raw = await self._bounded(answer, PAGE_LIMIT, "a page of the listing")
        except _Refused as refused:
            raise self._error(refused, "") from None
        return read_page(raw, self._shown)

    async def small(self, key: str, limit: int) -> bytes | None:
        """Give an object's content, `None` where there is none."""
        try:
            async with self._asked(key, "") as answer:
                return await self._bounded(answer, limit, f"the object {key!r}")
        except _Refused as refused:
            if refused.status == 404 and refused.code != NO_BUCKET:
                return None
            raise self._error(refused, key) from None

    async def fetch(self, key: str, item: Object, target: Path) -> None:
        """Write an object to a file. Raises `Moved` where it is not what was listed."""
        written = 0
        try:
            async with self._asked(key, "") as answer:
                if answer.headers.get("ETag", "").strip('"') != item.etag:
                    raise Moved(f"the object {key!r} has changed")
                with target.open("xb") as file:
                    async for chunk in answer.content.iter_chunked(_CHUNK):
                        written += len(chunk)
                        if written > item.size:
                            break
                        await self._write(file, chunk)
        except _Refused as refused:
            if refused.status == 404 and refused.code != NO_BUCKET:
                raise Moved(f"the object {key!r} is gone") from None
            raise self._error(refused, key) from None
        if written != item.size:
            words = (
                f"{self._shown}: the object {key!r} did not come as it is listed ({amount(item.size)}); "
                "it is tried again; what was fetched before stays in use"
            )
            raise SourceError(Fault.PROTOCOL, words)

    async def _write(self, file: IO[bytes], chunk: bytes) -> None:
        try:
            await asyncio.to_thread(file.write, chunk)
        except OSError as error:
            raise disk(error, self._shown) from error

    # ---------------------------------------------------------------------------------------------- requests

    @asynccontextmanager
    async def _asked(self, key: str, query: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask for something, once more where the store names the region it is in. Raises `_Refused`."""
        try:
            answer = await self._sent(key, query)
            if answer.status != 200:
                refused = await _refusal(answer)
                if not refused.region or refused.region == self.region:
                    raise refused
                self.region = refused.region
                answer = await self._sent(key, query)
                if answer.status != 200:
                    raise await _refusal(answer)
            async with answer:
                yield answer
        except aiohttp.ClientSSLError as error:
            words = f"{self._shown}: its certificate is not trusted, or it speaks no TLS: {self._safe(error)}; "
            remedy = "give the CA's certificate by a Secret, or allow HTTP where the store speaks no TLS"
            raise SourceError(Fault.UNREACHABLE, words + remedy) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = f"{self._shown}: {self._safe(error)}; it is tried again; what was fetched before stays in use"
            raise SourceError(Fault.UNREACHABLE, words) from error

    async def _sent(self, key: str, query: str) -> aiohttp.ClientResponse:
        assert self._session is not None
        path = quote(f"{self._address.bucket}/{key}", safe=f"/{_SAFE}")
        url = f"{self._address.scheme}://{self._address.host_in(self.region)}/{path}{f'?{query}' if query else ''}"
        signed = await asyncio.to_thread(signed_headers, "GET", url, self.region, self._creds)
        user = self._creds.proxy_username
        proxy = aiohttp.encode_basic_auth(user, self._creds.proxy_password) if user else ""
        return await self._session.get(
            URL(url, encoded=True),
            headers={"User-Agent": "trueup", "Accept-Encoding": "identity", **signed},
            allow_redirects=False,
            proxy=self._creds.proxy or None,
            proxy_headers={"Proxy-Authorization": proxy} if proxy else None,
        )

    # ---------------------------------------------------------------------------------------------- answers

    async def _bounded(self, answer: aiohttp.ClientResponse, limit: int, what: str) -> bytes:
        content = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > limit:
                raise SourceError(Fault.TOO_LARGE, f"{self._shown}: {what} of more than {amount(limit)} is not read")
        return bytes(content)

    def _error(self, refused: _Refused, key: str) -> SourceError:
        """Say what a store's refusal means."""
        said = ": ".join(text for text in (refused.code, refused.message) if text)
        what = f"the object {key!r}: " if key else ""
        words = f"{self._shown}: {what}HTTP {refused.status}" + (f": {self._safe(said)}" if said else "")
        again = "it is tried again; what was fetched before stays in use"
        if refused.status in (401, 403) or refused.code in _DENIED:
            return SourceError(Fault.CREDENTIALS, f"{words}; check the keys, and that they may list and read it")
        if refused.status == 404:
            return SourceError(Fault.NOT_FOUND, f"{words}; check the bucket's name and the endpoint")
        if refused.status in _LED:
            return SourceError(Fault.HOSTILE, f"{words}: redirects are not followed; write the endpoint it leads to")
        if refused.status == 429 or refused.status >= 500:
            return SourceError(Fault.UNREACHABLE, f"{words}; {again}")
        return SourceError(Fault.PROTOCOL, f"{words}; what answers there may be no store that speaks S3; {again}")

    def _safe(self, said: object) -> str:
        return safe_words(said, self._creds.secrets)


async def _refusal(answer: aiohttp.ClientResponse) -> _Refused:
    async with answer:
        code, message, region = said_in(await answer.content.read(64 * 1024))
        named = answer.headers.get("x-amz-bucket-region", "") or region
        safe = named.replace("-", "").isalnum() and named.isascii() and len(named) <= 64
        return _Refused(answer.status, code, message, named.lower() if safe else "")
