"""A local HTTP server that keeps what it is sent and answers as it is told: a service, for tests of notifications."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web


class Heard:
    """One request."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Listener:
    """What was heard, and how to answer: `answers` are used up in turn, then everything is answered well."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: list[web.Response] = []
        self.answer: Callable[[Heard], web.Response] = lambda heard: web.json_response({"ok": True})
        self.url = ""
        self._arrived = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        heard = Heard(request.method, request.path_qs, dict(request.headers), await request.read())
        async with self._arrived:
            self.heard.append(heard)
            self._arrived.notify_all()
        return self.answers.pop(0) if self.answers else self.answer(heard)

    async def until(self, holds: Callable[[list[Heard]], bool], patience: float = 120.0) -> list[Heard]:
        """Wait until something is true of all that was heard."""
        try:
            async with asyncio.timeout(patience), self._arrived:
                await self._arrived.wait_for(lambda: holds(self.heard))
        except TimeoutError:
            raise AssertionError(f"heard only: {[(item.path, item.body[:300]) for item in self.heard]}") from None
        return self.heard


@asynccontextmanager
async def listening(ssl_context: Any = None) -> AsyncIterator[Listener]:
    """Listen on a free port of the loopback."""
    made = Listener()
    application = web.Application(client_max_size=10 << 20)
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
        scheme = "https" if ssl_context else "http"
        made.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()
