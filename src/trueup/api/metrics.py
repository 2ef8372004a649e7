"""Metrics for Prometheus: `GET /metrics`, in its text format or, where it is asked for, as OpenMetrics."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def metrics_routes(registry: CollectorRegistry) -> list[web.RouteDef]:
    """Give the route."""
    alone = asyncio.Lock()

    async def scraped(request: web.Request) -> web.Response:
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        # Off the event loop: thousands of objects take some tens of milliseconds. One at a time, so that many who ask
        # at once do not take all threads.
        async with alone:
            body = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": kind})

    return [web.get("/metrics", scraped)]
