"""Requests to one declared server, and to where it leads: redirects are followed by hand.

Credentials stay with the host they are for, nobody is led to places that `trueup.sources.web.guard` refuses, and what
goes wrong is a `SourceError` with its cause.
"""

from __future__ import annotations

import asyncio
import errno
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from trueup.core.model.artifact import Fault, SourceError, amount
from trueup.git.process import disk
from trueup.sources.web.credentials import Place, WebCredentials
from trueup.sources.web.guard import Forbidden, Guard
from trueup.sources.web.session import open_session, safe_words
from trueup.sources.web.tls import tls_context

REDIRECTS = 5
CHUNK = 256 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_LED = frozenset({301, 302, 303, 307, 308})


class WebClient:
    """Requests to one server. Use it as an async context manager."""

    def __init__(
        self, place: Place, creds: WebCredentials, what: str, *, may_http: bool, environment: bool = False
    ) -> None:
        """Take whom it asks as whom. `what` names the server in messages; `environment`: the proxies that the
        environment names count where the credentials bring none. Raises `SourceError` for a proxy that is none."""
        self._creds = creds
        self._shown = place.shown
        self._what = what
        self._may_http = may_http
        self._session: aiohttp.ClientSession | None = None
        named = urllib.request.getproxies_environment() if environment and not creds.proxy else {}
        self._proxies = {scheme: named[scheme] for scheme in ("http", "https") if named.get(scheme)}
        self._proxy = _proxy(creds.proxy, self._shown)
        own = URL(f"https://{place.host}").host or place.host
        proxies = [self._proxy, *(_proxy(url, self._shown) for url in self._proxies.values())]
        self._guard = Guard(frozenset({own, *(proxy.host or "" for proxy in proxies if proxy is not None)} - {""}))

    async def __aenter__(self) -> Self:
        """Open connections when they are needed. Raises `SourceError` for certificates that cannot be read."""
        tls = await asyncio.to_thread(tls_context, self._creds, self._shown)
        self._session = open_session(self._guard, 4, tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Turn what goes wrong with requests inside into a `SourceError`."""
        try:
            yield
        except Forbidden as error:
            words = f"{self._shown}: the {self._what} leads to a place that is not followed: {error}"
            raise SourceError(Fault.HOSTILE, words) from error
        except aiohttp.ClientSSLError as error:
            words = f"{self._shown}: its certificate is not trusted, or it speaks no TLS: {self.safe(error)}; "
            raise SourceError(Fault.UNREACHABLE, words + "give the CA's certificate by a Secret") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                # What is downloaded is written meanwhile.
                raise disk(error, self._shown) from error
            words = f"{self._shown}: {self.safe(error)}; it is tried again; what was fetched before stays in use"
            raise SourceError(Fault.UNREACHABLE, words) from error

    async def followed(
        self, method: str, url: str, headers: Mapping[str, str], authorization: str, trusted: Callable[[URL], bool]
    ) -> aiohttp.ClientResponse:
        """Send a request, and follow where it is led to; the header `Authorization` goes where `trusted` says."""
        for _ in range(REDIRECTS + 1):
            place = URL(url, encoded=True)
            answer = await self._request(method, place, headers, authorization if trusted(place) else "")
            if answer.status not in _LED:
                return answer
            target = answer.headers.get("Location", "")
            answer.release()
            url = urljoin(url, target)
        raise ValueError(f"it was led on more than {REDIRECTS} times")

    async def bounded(self, answer: aiohttp.ClientResponse, limit: int, what: str) -> bytes:
        """Read an answer. Raises `SourceError` where it is larger than the limit."""
        content = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK):
            content += chunk
            if len(content) > limit:
                raise SourceError(Fault.TOO_LARGE, f"{self._shown}: {what} of more than {amount(limit)} is not read")
        return bytes(content)

    def safe(self, said: object) -> str:
        """Give words of others as they may be shown."""
        return safe_words(said, self._creds.secrets)

    async def _request(
        self, method: str, url: URL, headers: Mapping[str, str], authorization: str
    ) -> aiohttp.ClientResponse:
        assert self._session is not None
        if url.scheme != "https" and not (url.scheme == "http" and self._may_http):
            raise Forbidden(f"{url.scheme}://{url.host} is not encrypted")
        self._guard.check(url.host or "")
        sent = {"User-Agent": "trueup", "Accept-Encoding": "identity", **headers}
        if authorization:
            sent["Authorization"] = authorization
        user = self._creds.proxy_username
        proxy = aiohttp.encode_basic_auth(user, self._creds.proxy_password) if user else ""
        return await self._session.request(
            method,
            url,
            headers=sent,
            allow_redirects=False,
            proxy=self._proxy_of(url),
            proxy_headers={"Proxy-Authorization": proxy} if proxy else None,
        )

    def _proxy_of(self, url: URL) -> URL | None:
        if self._proxy is not None or not self._proxies:
            return self._proxy
        host = f"{url.host}:{url.port}"
        if urllib.request.proxy_bypass(host):
            return None
        return _proxy(self._proxies.get(url.scheme, ""), self._shown)


def _proxy(url: str, shown: str) -> URL | None:
    if not url:
        return None
    try:
        proxy = URL(url)
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https"):
        raise SourceError(Fault.CREDENTIALS, f"{shown}: the proxy must be an http:// or https:// URL, and is none")
    return proxy


def take_in(file: Any, hashing: Any, chunk: bytes) -> None:
    """Write a part of what is downloaded, and put it into its digest (blocking)."""
    file.write(chunk)
    hashing.update(chunk)
