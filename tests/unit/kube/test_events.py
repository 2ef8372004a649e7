"""Events are aggregated, limited, and never in anybody's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from trueup.core.model.objects import ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import Connection
from trueup.kube.events import Details, EventWriter, Involved
from trueup.kube.transport import Limits

ABOUT = Involved(ObjectRef("apps", "Deployment", "shop", "web"), "apps/v1", "uid-1")


KNOWN: list[dict] = []
"""Events that an earlier process has written."""


@pytest.fixture
async def server() -> AsyncIterator[tuple[list[tuple[str, str, dict]], set[str], KubeClient]]:
    requests: list[tuple[str, str, dict]] = []
    expired: set[str] = set()
    KNOWN.clear()

    async def handle(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response({"kind": "EventList", "metadata": {"resourceVersion": "1"}, "items": KNOWN})
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
    await writer.flush()
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
    await writer.flush()
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
    await writer.flush()
    assert writer.dropped == 75
    assert len(requests) == 26
    assert requests[1][1] == "/api/v1/namespaces/default/events", "in its turn"
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


async def test_details_stand_in_the_event_and_the_last_ones_count(server) -> None:
    requests, _, client = server
    writer = EventWriter(client, "trueup", "pod-1")
    writer.start()
    writer.emit(ABOUT, "Normal", "Applied", "it works", Details("kustomize-controller", {"a/revision": "1"}))
    await writer.flush()
    writer.emit(ABOUT, "Normal", "Applied", "it works", Details("kustomize-controller", {"a/revision": "2"}))
    await writer.stop()
    made, again = (body for method, _, body in requests if method != "GET")
    assert made["source"]["component"] == made["reportingComponent"] == "kustomize-controller"
    assert made["reportingInstance"] == "pod-1"
    assert made["metadata"]["annotations"] == {"a/revision": "1"}
    assert made["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "trueup"}
    assert again["metadata"]["annotations"] == {"a/revision": "2"} and again["count"] == 2


async def test_a_message_is_bounded_and_tells_no_password(server) -> None:
    requests, _, client = server
    writer = EventWriter(client, "trueup")
    writer.start()
    writer.emit(ABOUT, "Warning", "Failed", "https://ada:pass-word@example.com: " + "no " * 1000)
    await writer.stop()
    (message,) = (body["message"] for method, _, body in requests if method == "POST")
    assert len(message) == 1024 and "pass-word" not in message


async def test_what_the_newest_event_says_already_is_not_said_again_after_a_restart(server) -> None:
    requests, _, client = server
    first = EventWriter(client, "trueup")
    first.start()
    for message in ("it broke", "it works"):
        first.emit(ABOUT, "Normal", "Applied", message, Details("", {"trueup.dev/sync": "1"}))
    await first.stop()
    events = [body for method, _, body in requests if method == "POST"]
    KNOWN[:] = [{**body, "lastTimestamp": f"2026-11-29T00:00:0{number}Z"} for number, body in enumerate(events)]
    requests.clear()
    second = EventWriter(client, "trueup")
    second.start()
    second.emit(ABOUT, "Normal", "Applied", "it works", Details("", {"trueup.dev/sync": "1"}))
    second.emit(ABOUT, "Normal", "Applied", "it broke", Details("", {"trueup.dev/sync": "1"}))
    await second.stop()
    assert [(method, body.get("message")) for method, _, body in requests if method != "GET"] == [("POST", "it broke")]


async def test_the_same_words_about_another_sync_are_news(server) -> None:
    requests, _, client = server
    first = EventWriter(client, "trueup")
    first.start()
    first.emit(ABOUT, "Normal", "Applied", "it works", Details("", {"trueup.dev/sync": "1"}))
    await first.stop()
    (body,) = (body for method, _, body in requests if method == "POST")
    KNOWN[:] = [body]
    requests.clear()
    second = EventWriter(client, "trueup")
    second.start()
    second.emit(ABOUT, "Normal", "Applied", "it works", Details("", {"trueup.dev/sync": "2"}))
    await second.stop()
    assert [(method, body.get("count")) for method, _, body in requests if method != "GET"] == [("PATCH", 2)]


async def test_a_noisy_namespace_waits_behind_nobody_and_nobody_behind_it(server) -> None:
    requests, _, client = server
    writer = EventWriter(client, "trueup")
    for n in range(12_000):
        about = Involved(ObjectRef("apps", "Deployment", "noisy", f"web-{n}"), "apps/v1", f"uid-{n}")
        writer.emit(about, "Normal", "Noise", "it works")
    writer.emit(ABOUT, "Warning", "Failed", "it broke")
    assert writer.dropped == 2001
    writer.start()
    while not any("/shop/" in path for _, path, _ in requests):
        await asyncio.sleep(0)
    assert len(requests) <= 2
    await writer.stop(0.0)
