"""Taking webhooks: `/hook/<digest>` for receivers, `POST /api/webhook` for Argo CD's hosts.

A request is read within bounds of size and time, proven before any of it is parsed, and answered with a status and
nothing else: who may not call learns neither whether there is a receiver nor what was wrong. What it leads to is a
source that is polled, at most every half second (`engine/sources.py`), so that replays and floods harm nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from aiohttp import web

from trueup.core.model.webhook import BODY_LIMIT

READ_SECONDS = 10.0
"""How long a sender may take for its body."""

WORK_SECONDS = 20.0
"""How long filters may take for one request; senders wait for about ten seconds."""

ROOM = 16 * BODY_LIMIT
"""Bytes of bodies that may be in memory together. Who sends slowly takes no more of it than was sent."""

AT_ONCE = 512
"""Requests that may be under way together."""

BUSY_SECONDS = 2.0
"""How long a request waits for others before it is turned away."""


class Unknown(Exception):
    """Nobody listens at this path."""


class Unproven(Exception):
    """The request does not prove where it comes from, or is nothing that is understood."""


class WebhookHandler(Protocol):
    """Who takes what has been read. Both methods raise `Unproven`, and `hook` raises `Unknown`."""

    def knows(self, path: str) -> bool:
        """Say whether somebody listens at a receiver's path."""
        ...

    async def hook(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Take a request at a receiver's path."""
        ...

    async def push(self, headers: Mapping[str, str], body: bytes) -> None:
        """Take a request at Argo CD's path."""
        ...


def webhook_routes(webhook_handler: Callable[[], WebhookHandler | None]) -> list[web.RouteDef]:
    """Give the routes; `webhook_handler` gives who takes requests, `None` while this controller does not work."""
    places, room = asyncio.Semaphore(AT_ONCE), _Room()

    async def hook(request: web.Request) -> web.Response:
        taker = _taker(webhook_handler)
        if not taker.knows(request.path):
            raise web.HTTPNotFound(text="not found\n")
        async with _Place(places):
            with room.taken() as take:
                body = await _body(request, take)
                return await _answered(taker.hook(request.path, request.headers, body))

    async def push(request: web.Request) -> web.Response:
        taker = _taker(webhook_handler)
        async with _Place(places):
            with room.taken() as take:
                body = await _body(request, take)
                return await _answered(taker.push(request.headers, body))

    return [web.route("*", "/hook/{digest:[0-9a-f]{64}}", hook), web.post("/api/webhook", push)]


def _taker(webhook_handler: Callable[[], WebhookHandler | None]) -> WebhookHandler:
    found = webhook_handler()
    if found is None:
        raise web.HTTPServiceUnavailable(text="standing by\n", headers={"Retry-After": "5"})
    return found


async def _answered(work: Awaitable[None]) -> web.Response:
    try:
        async with asyncio.timeout(WORK_SECONDS):
            await work
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text="busy\n", headers={"Retry-After": "5"}) from None
    except Unknown:
        raise web.HTTPNotFound(text="not found\n") from None
    except Unproven:
        raise web.HTTPForbidden(text="refused\n") from None
    return web.Response(text="ok\n")


class _Place:
    """A place among the requests under way; whoever gets none in time is turned away."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="busy\n", headers={"Retry-After": "5"}) from None

    async def __aexit__(self, *exc_info: object) -> None:
        self._places.release()


class _Room:
    """The bytes of all bodies in memory; for a body that finds no room, its sender is turned away."""

    def __init__(self) -> None:
        self._used = 0

    @contextmanager
    def taken(self) -> Iterator[Callable[[int], None]]:
        """Give what takes so many bytes more, and gives all of them back at the end."""
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if self._used + size > ROOM:
                raise web.HTTPServiceUnavailable(text="busy\n", headers={"Retry-After": "5"})
            self._used += size
            mine += size

        try:
            yield take
        finally:
            self._used -= mine


async def _body(request: web.Request, take: Callable[[int], None]) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise web.HTTPUnsupportedMediaType(text="compressed bodies are not taken\n")
    too_large = web.HTTPRequestEntityTooLarge(BODY_LIMIT, BODY_LIMIT + 1, text="too large\n")
    if (request.content_length or 0) > BODY_LIMIT:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_chunked(64 * 1024):
                take(len(chunk))
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise too_large
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="too slow\n") from None
    return bytes(body)
