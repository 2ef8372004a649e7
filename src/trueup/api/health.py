"""Saying how the controller is: `GET /healthz` while the process answers, `GET /readyz` while it works.

Only the controller that holds the lease works, has artifacts and takes webhooks; one that stands by is healthy and not
ready, so that a Service leads to the one that works.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


def health_routes(ready: Callable[[], bool]) -> list[web.RouteDef]:
    """Give both routes; `ready` says whether this controller works at this moment."""

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def working(_: web.Request) -> web.Response:
        if ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="standing by: the cluster is not reached, or another holds the lease\n")

    return [web.get("/healthz", alive), web.get("/readyz", working)]
