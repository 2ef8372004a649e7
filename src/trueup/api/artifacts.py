"""Serving artifacts: `GET /<kind>/<namespace>/<name>/<commit>-<secret>.tar.gz`, to whoever knows the path.

The path stands in the status of its source: who may read that may have the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from aiohttp import web


class Store(Protocol):
    """Where tarballs lie."""

    def find(self, path: str) -> Path | None:
        """Give the file that a URL's path names."""
        ...


def artifact_routes(store: Store) -> list[web.RouteDef]:
    """Give the routes that serve a store."""

    async def serve(request: web.Request) -> web.StreamResponse:
        found = store.find(request.match_info["path"])
        if found is None:
            raise web.HTTPNotFound(text="there is no such artifact\n")
        return web.FileResponse(found, headers={"Content-Type": "application/gzip"})

    return [web.get("/{path:.+}", serve)]
