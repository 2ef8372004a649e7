"""A small API server whose faults can be chosen: real HTTP, one kind (`ConfigMap`) and, when served, another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from trueup.kube.cache.watch import Pace
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.discovery import Mapper
from trueup.kube.transport import Limits

FAST = Pace(first_pause=0.01, longest_pause=0.05, grace=0.1, unserved_pause=0.2)


class FakeApi:
    """Serves discovery, lists in pages, and watches. The fields named `fail_…` and `on_…` choose the faults."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.oldest = 0
        self.lists = self.watches = self.discoveries = 0
        self.list_queries: list[dict[str, str]] = []
        self.fail_list: list[web.Response] = []
        self.fail_watch: list[web.Response] = []
        self.expire_pages = False
        self.widgets = False
        self.stale: set[str] = set()
        self.streams: set[web.StreamResponse] = set()
        self._changed = asyncio.Event()
        self.port = 0
        self._runner: web.AppRunner | None = None

    # -- what tests do

    def set(self, name: str, plural: str = "configmaps", **parts: Any) -> dict[str, Any]:
        key = (plural, "default", name)
        self.version += 1
        kind = {"configmaps": "v1 ConfigMap", "widgets": "example.org/v1 Widget"}[plural].split()
        old = self.objects.get(key)
        metadata = {
            "name": name,
            "namespace": "default",
            "uid": old["metadata"]["uid"] if old else f"uid-{self.version}",
            "resourceVersion": str(self.version),
            **parts.pop("metadata", {}),
        }
        body = {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, **parts}
        self.objects[key] = body
        self._emit("MODIFIED" if old else "ADDED", body, plural)
        return body

    def delete(self, name: str, plural: str = "configmaps", silently: bool = False) -> None:
        body = self.objects.pop((plural, "default", name))
        self.version += 1
        gone = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        if not silently:
            self._emit("DELETED", gone, plural)

    def forget_history(self) -> None:
        """As after a compaction: every watch from before answers 410."""
        self.oldest = self.version

    def bookmark(self) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"resourceVersion": str(self.version)}}
        self._emit("BOOKMARK", body, "configmaps")

    async def send(self, raw: bytes) -> None:
        for stream in list(self.streams):
            await stream.write(raw)

    def cut(self) -> None:
        for stream in list(self.streams):
            transport = stream._req.transport if stream._req is not None else None
            if transport is not None:
                transport.abort()

    def _emit(self, kind: str, body: dict[str, Any], plural: str) -> None:
        self.history.append((self.version, kind, {"plural": plural, "body": body}))
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # -- HTTP

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/version", self._version)
        app.router.add_get("/api", self._core)
        app.router.add_get("/apis", self._groups)
        app.router.add_get("/api/v1/configmaps", self._collection)
        app.router.add_get("/apis/example.org/v1/widgets", self._collection)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            self.cut()
            await self._runner.cleanup()
            self._runner = None

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"gitVersion": "v1.37.2"})

    async def _core(self, _: web.Request) -> web.Response:
        return _discovery([_group("", "v1", [("configmaps", "ConfigMap")])])

    async def _groups(self, _: web.Request) -> web.Response:
        self.discoveries += 1
        groups = []
        if self.widgets:
            groups.append(_group("example.org", "v1", [("widgets", "Widget")]))
        groups += [_group(name, "v1", [], "Stale") for name in sorted(self.stale)]
        return _discovery(groups)

    async def _collection(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rsplit("/", 1)[1]
        if plural == "widgets" and not self.widgets:
            return web.Response(status=404, text="404 page not found\n")
        if request.query.get("watch"):
            return await self._watch(request, plural)
        self.lists += 1
        self.list_queries.append(dict(request.query))
        if self.fail_list:
            return self.fail_list.pop(0)
        items = [body for key, body in sorted(self.objects.items()) if key[0] == plural]
        start = int(request.query.get("continue") or 0)
        if start and self.expire_pages:
            return _status(410, "Expired", "the continue token is too old")
        limit = int(request.query.get("limit") or 0)
        part = items[start : start + limit] if limit else items
        more = str(start + limit) if limit and start + limit < len(items) else ""
        # As real servers do: items of a list name no kind.
        bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in part]
        meta = {"resourceVersion": str(self.version), "continue": more}
        return web.json_response({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": bare})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        self.watches += 1
        if self.fail_watch:
            return self.fail_watch.pop(0)
        at = int(request.query["resourceVersion"])
        if at < self.oldest:
            return _status(410, "Expired", f"too old resource version: {at}")
        response = web.StreamResponse()
        await response.prepare(request)
        self.streams.add(response)
        try:
            while True:
                waiter = self._changed
                for version, kind, item in list(self.history):
                    if version > at and item["plural"] == plural:
                        line = json.dumps({"type": kind, "object": item["body"]}).encode() + b"\n"
                        await response.write(line)
                at = max(at, self.version)
                await waiter.wait()
        finally:
            self.streams.discard(response)


def _status(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code}
    return web.json_response(body, status=code, headers=headers)


def _group(name: str, version: str, kinds: list[tuple[str, str]], freshness: str = "Current") -> dict[str, Any]:
    resources = [
        {
            "resource": plural,
            "responseKind": {"group": name, "version": version, "kind": kind},
            "scope": "Namespaced",
            "verbs": ["get", "list", "watch"],
        }
        for plural, kind in kinds
    ]
    return {
        "metadata": {"name": name},
        "versions": [{"version": version, "freshness": freshness, "resources": resources}],
    }


def _discovery(groups: list[dict[str, Any]]) -> web.Response:
    return web.json_response({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """A running fake API server."""
    fake = FakeApi()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[KubeClient]:
    """A client of the fake API server that tries each request once."""
    async with KubeClient(Connection(f"http://127.0.0.1:{api.port}"), Limits(attempts=1)) as made:
        yield made


@pytest.fixture
def mapper(client: KubeClient) -> Mapper:
    """A mapper of the fake API server."""
    return Mapper(client)


@pytest.fixture
def fast() -> Pace:
    """Pauses short enough for tests."""
    return FAST


@pytest.fixture
def refuse() -> Any:
    """Make an answer that refuses: `refuse(code, reason, headers)`."""

    def make(code: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
        return _status(code, reason, f"refused: {reason}", headers)

    return make


@pytest.fixture
def eventually() -> Any:
    """Wait until a condition holds, at most five seconds."""

    async def wait(condition: Any) -> None:
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it did not come true within five seconds")

    return wait
