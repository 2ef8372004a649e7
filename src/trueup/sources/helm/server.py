"""Requests to the server of a repository, and to the hosts that its index names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from yarl import URL

from trueup.core.model.artifact import Fault, SourceError
from trueup.sources.helm.address import HelmAddress
from trueup.sources.web.client import WebClient
from trueup.sources.web.credentials import WebCredentials

_WORDS_READ = 4096


class ChartServer:
    """One repository's server. Use it as an async context manager. Every failure is a `SourceError`."""

    def __init__(self, address: HelmAddress, creds: WebCredentials, pass_credentials: bool = False) -> None:
        """Take whom it asks as whom. Credentials go to the server itself alone, unless `pass_credentials` says more."""
        self._creds = creds
        self._web = WebClient(address, creds, "repository", may_http=address.plain, environment=True)
        self._own = URL(address.base)
        self._pass = pass_credentials

    async def __aenter__(self) -> Self:
        """Open connections when they are needed. Raises `SourceError` for certificates that cannot be read."""
        await self._web.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        await self._web.__aexit__(*exc_info)

    @asynccontextmanager
    async def got(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Get a URL; the answer is read inside."""
        async with self._web.told():
            answer = await self._web.followed("GET", url, headers, self._authorization(), self._trusted)
            async with answer:
                yield answer

    def safe(self, said: object) -> str:
        """Give words of others as they may be shown."""
        return self._web.safe(said)

    @property
    def named(self) -> bool:
        """Whether there are credentials."""
        return bool(self._authorization())

    def _trusted(self, place: URL) -> bool:
        own = self._own
        return self._pass or (place.scheme, place.host, place.port) == (own.scheme, own.host, own.port)

    def _authorization(self) -> str:
        creds = self._creds
        if creds.username or creds.password:
            return aiohttp.encode_basic_auth(creds.username, creds.password)
        return f"Bearer {creds.token}" if creds.token else ""


async def refusal(answer: aiohttp.ClientResponse, server: ChartServer, shown: str, missing: Fault) -> SourceError:
    """Give what an answer other than 200 means; `missing` is what a 404 says."""
    raw = (await answer.content.read(_WORDS_READ)).decode(errors="replace").strip()
    told = raw if raw and "<" not in raw else ""
    said = f"{shown}: HTTP {answer.status} for {_shown(answer.url)}" + (f": {server.safe(told)}" if told else "")
    if answer.status in (401, 403):
        known = "the credentials were refused" if server.named else "it lets nobody in without any"
        return SourceError(Fault.CREDENTIALS, f"{said}: authentication required: {known}")
    if answer.status in (404, 410):
        words = "check the repository's URL: its index.yaml must lie there" if missing is Fault.NOT_FOUND else ""
        return SourceError(missing, f"{said}; {words or 'the index names an archive that is not there'}")
    if answer.status == 429 or answer.status >= 500:
        words = "it is tried again; what was fetched before stays in use"
        return SourceError(Fault.UNREACHABLE, f"{said}; {words}")
    return SourceError(Fault.PROTOCOL, f"{said}; what answers there may be no Helm repository; it is tried again")


def _shown(url: URL) -> str:
    """Give a URL without its query, which may hold a token."""
    return str(url.with_query(None).with_user(None))
