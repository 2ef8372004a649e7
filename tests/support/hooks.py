"""A server that takes messages by HTTP, as a user's own service would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web


class Received(msgspec.Struct, frozen=True):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


class Hook:
    """Keeps what came; `answers` are the statuses of the next requests, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.answers: list[int] = []

    @property
    def bodies(self) -> list[str]:
        """All bodies so far."""
        return [each.body for each in self.received]

    async def take(self, request: web.Request) -> web.Response:
        """Keep a request."""
        body = (await request.read()).decode()
        self.received.append(Received(request.method, request.path_qs, dict(request.headers), body))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"Location": f"{self.url}/moved"} if status == 302 else {})

    async def until(self, holds: Callable[[list[str]], bool], patience: float = 120.0) -> None:
        """Wait until something is true of the bodies."""
        deadline = time.monotonic() + patience
        while not holds(self.bodies):
            assert time.monotonic() < deadline, self.bodies
            await asyncio.sleep(0.02)


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """Give a server at a free port of this machine."""
    made = Hook()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()
