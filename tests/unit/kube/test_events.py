"""Events are aggregated, limited, and never in anybody's way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from trueup.core.model.objects import ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.events import EventWriter, Involved
from trueup.kube.transport import Limits

ABOUT = Involved(ObjectRef("apps", "Deployment", "shop", "web"), "apps/v1", "uid-1")


@pytest.fixture
async def server() -> AsyncIterator[tuple[list[tuple[str, str, dict]], set[str], KubeClient]]:
    requests: list[tuple[str, str, dict]] = []
    expired: set[str] = set()

    async def handle(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        requests.append((request.method, request.path, body))
        name = request.path.rsplit("/", 1)[1]
        if request.method in expired:
            details = {"kind": "Status", "status": "Failure", "reason": "NotFound", "details": {"name": name}}
            return web.json_response(details, status=404)
        return web.json_response({"metadata": {"name": name}}, status=201)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with KubeClient(Connection(address), Limits(attempts=1)) as client:
        yield requests, expired, client
    await runner.cleanup()


async def test_the_same_event_again_raises_a_count(server) -> None:
    requests, _, client = server
    writer = EventWriter(client, "trueup")
    writer.start()
    writer.emit(ABOUT, "Warning", "Failed", "it broke")
    await writer._queue.join()
    writer.emit(ABOUT, "Warning", "Failed", "it broke")
    writer.emit(ABOUT, "Warning", "Failed", "it broke")
    writer.emit(ABOUT, "Normal", "Applied", "it works")
    await writer.stop()
    assert [(method, body.get("count")) for method, _, body in requests] == [("POST", 1), ("PATCH", 3), ("POST", 1)]
    assert requests[0][1] == "/api/v1/namespaces/shop/events"
    assert requests[0][2]["involvedObject"]["uid"] == "uid-1"


async def test_an_event_that_has_expired_is_made_anew(server) -> None:
    requests, expired, client = server
    writer = EventWriter(client, "trueup")
    writer.start()
    writer.emit(ABOUT, "Normal", "Applied", "it works")
    await writer._queue.join()
    expired.add("PATCH")
    writer.emit(ABOUT, "Normal", "Applied", "it works")
    await writer.stop()
    assert [(method, body.get("count")) for method, _, body in requests] == [("POST", 1), ("PATCH", 2), ("POST", 1)]


async def test_one_noisy_object_is_limited_and_others_are_not(server) -> None:
    requests, _, client = server
    now = [0.0]
    writer = EventWriter(client, "trueup", clock=lambda: now[0])
    writer.start()
    for n in range(100):
        writer.emit(ABOUT, "Normal", "Noise", f"message {n}")
    other = Involved(ObjectRef("", "Namespace", "", "shop"), "v1")
    writer.emit(other, "Normal", "Applied", "it works")
    await writer._queue.join()
    assert writer.dropped == 75
    assert len(requests) == 26
    assert requests[-1][1] == "/api/v1/namespaces/default/events"
    now[0] += 301
    writer.emit(ABOUT, "Normal", "Noise", "later")
    await writer.stop()
    assert len(requests) == 27


async def test_without_an_api_server_nobody_waits_and_what_is_lost_is_counted() -> None:
    async with KubeClient(Connection("http://127.0.0.1:9"), Limits(attempts=1)) as client:
        writer = EventWriter(client, "trueup")
        writer.start()
        writer.emit(ABOUT, "Normal", "Applied", "it works")
        await writer.stop()
        assert writer.dropped == 1
