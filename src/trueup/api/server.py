"""One HTTP server at one address, made of the route tables of its subjects (`artifacts`, `health`, `webhooks`).

A subject is a module of this room with a function that gives its routes; nothing here knows what they answer. What
listens to the world is bounded: a request's head in size, its body by whoever reads it, and a connection that asks
nothing by time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

HEAD_LIMIT = 16 * 1024
"""The longest request line, and the longest header field, in bytes."""

IDLE = 30.0
"""Seconds after which a connection that asks nothing is closed."""


class BadAddress(ValueError):
    """An address to listen at that cannot be read."""


def read_address(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (this machine only); port 0 is any free one. Raises `BadAddress`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadAddress(f"{text!r} is no address to listen at: write HOST:PORT, such as 0.0.0.0:8080")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


@asynccontextmanager
async def serving(listen: str, routes: Iterable[web.AbstractRouteDef]) -> AsyncIterator[str]:
    """Serve routes at an address as long as this is entered, and give its URL. Raises `BadAddress`, OSError.

    Where several routes fit a path, the first wins.
    """
    host, port = read_address(listen)
    silent = _Silent()
    application = web.Application(middlewares=[silent.mark])
    application.add_routes(routes)
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=IDLE,
        max_line_size=HEAD_LIMIT,
        max_field_size=HEAD_LIMIT,
        shutdown_timeout=2.0,
        # Nothing is unpacked for whoever has proven nothing: what reads bodies takes none that is compressed.
        auto_decompress=False,
    )
    await runner.setup()
    closing = asyncio.create_task(silent.close(runner), name="silent connections")
    try:
        await web.TCPSite(runner, host, port).start()
        bound, number = runner.addresses[0][:2]
        yield f"http://{f'[{bound}]' if ':' in bound else bound}:{number}"
    finally:
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        await runner.cleanup()


class _Silent:
    """Closes connections that never finish their first request's head, which aiohttp lets stand for ever."""

    def __init__(self) -> None:
        self._asked: set[object] = set()

    @web.middleware
    async def mark(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._asked.add(request.protocol)
        return await handler(request)

    async def close(self, runner: web.AppRunner) -> None:
        before: set[object] = set()
        while True:
            await asyncio.sleep(IDLE)
            current = set(runner.server.connections) if runner.server else set()
            self._asked &= current
            for one in current & before - self._asked:
                if one.transport is not None:
                    one.transport.abort()
            before = set(current)
