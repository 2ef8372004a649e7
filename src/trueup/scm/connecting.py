"""Puts a host's client together: session, trust, proxy, and the header that lets requests in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from trueup.core.repository.hosts import HostKind
from trueup.scm.access import Access
from trueup.scm.api import TIMEOUT, Api, Headers, trust
from trueup.scm.detection import Location
from trueup.scm.gitea import Gitea
from trueup.scm.github import GitHub
from trueup.scm.githubapp import AppTokens
from trueup.scm.gitlab import GitLab
from trueup.scm.host import Fault, Host, HostError

_CONNECTIONS = 4
_VERSION = {"X-GitHub-Api-Version": "2022-11-28"}


@asynccontextmanager
async def connected(location: Location, access: Access) -> AsyncIterator[Host]:
    """Give the client of a repository's host as long as this is entered. Raises `HostError`.

    It may be entered for one question or kept for many; rate limits are remembered as long as it is kept.
    """
    async with _session(access) as session:
        yield _client(session, location, access)


async def app_token(api: str, access: Access) -> tuple[str, float]:
    """Give a token of a GitHub App's installation, and until when it holds, in seconds since 1970. Raises `HostError`.

    `api` is the base URL of its host's API.
    """
    async with _session(access) as session:
        return await AppTokens(session, api, access).token()


@asynccontextmanager
async def _session(access: Access) -> AsyncIterator[aiohttp.ClientSession]:
    if access.proxy and urlsplit(access.proxy).scheme not in ("http", "https"):
        raise HostError(Fault.CREDENTIALS, "the proxy for the host's API must be an http:// or https:// URL")
    if any(sign in secret for secret in (access.token,) for sign in "\r\n\0"):
        raise HostError(Fault.CREDENTIALS, "the token holds a line break; write it without (`echo -n`)")
    context = False if access.insecure else await asyncio.to_thread(trust, access.ca)
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=context)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        yield session


def _client(session: aiohttp.ClientSession, location: Location, access: Access) -> Host:
    if location.kind is HostKind.GITLAB:
        headers = _fixed({"PRIVATE-TOKEN": access.token} if access.token else {})
        return GitLab(Api(session, location.api, access, headers), location)
    if location.kind is HostKind.GITEA:
        headers = _fixed({"Authorization": f"token {access.token}"} if access.token else {})
        return Gitea(Api(session, location.api, access, headers), location)
    if access.app_key:
        headers = AppTokens(session, location.api, access).headers
    else:
        headers = _fixed({"Authorization": f"Bearer {access.token}", **_VERSION} if access.token else _VERSION)
    return GitHub(Api(session, location.api, access, headers), location)


def _fixed(headers: Mapping[str, str]) -> Headers:
    async def give() -> Mapping[str, str]:
        return headers

    return give
