"""Messages to a real HTTP server: what is sent, what is tried again, and what is told of a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from support.hooks import Hook, hook
from trueup.core.objects import ObjectRef
from trueup.core.telling import Telling
from trueup.notify import webhook
from trueup.notify.webhook import WebhookCourier

APP = ObjectRef("argoproj.io", "Application", "argocd", "web")


class Desk:
    """A courier, the server it sends to, and what it complains of."""

    def __init__(self, server: Hook) -> None:
        self.server = server
        self.complaints: list[str] = []
        self.pauses: list[float] = []
        self.courier = WebhookCourier(self, self.sleep)

    def complain(self, ref: ObjectRef, message: str) -> None:
        self.complaints.append(message)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def tell(self, section: dict[str, Any] | None = None, service: str = "webhook", **options: Any) -> None:
        given = {"url": self.server.url, **options}
        self.courier.tell(Telling(APP, "key", "on-x", "", service, "hook", given, "", "the message", section or {}))

    async def complained(self) -> str:
        async with asyncio.timeout(10):
            while not self.complaints:
                await asyncio.sleep(0.01)
        return self.complaints[-1]


@pytest.fixture(name="desk")
async def a_desk() -> AsyncIterator[Desk]:
    async with hook() as server:
        desk = Desk(server)
        await desk.courier.start()
        yield desk
        await desk.courier.stop()


async def test_a_message_goes_as_its_template_says(desk: Desk) -> None:
    headers = [{"name": "Authorization", "value": "Bearer hush"}, {"name": "Content-Type", "value": "text/x"}]
    desk.tell({"method": "post", "path": "/a/b?c=d", "body": '{"x": 1}'}, headers=headers)
    await desk.server.until(lambda bodies: len(bodies) == 1)
    (seen,) = desk.server.received
    assert (seen.method, seen.path, seen.body) == ("POST", "/a/b?c=d", '{"x": 1}')
    assert seen.headers["Authorization"] == "Bearer hush" and seen.headers["Content-Type"] == "text/x"


async def test_without_a_section_the_text_is_sent(desk: Desk) -> None:
    desk.tell(basicAuth={"username": "ann", "password": "hush"})
    await desk.server.until(lambda bodies: bodies == ["the message"])
    assert desk.server.received[0].method == "GET"
    assert desk.server.received[0].headers["Authorization"].startswith("Basic ")


async def test_what_may_pass_is_tried_again_with_growing_pauses(desk: Desk) -> None:
    desk.server.answers = [500, 429, 503]
    desk.tell(retryWaitMin="200ms", retryWaitMax="300ms")
    await desk.server.until(lambda bodies: len(bodies) == 4)
    assert desk.pauses == [0.2, 0.3, 0.3] and desk.complaints == []


async def test_what_is_refused_is_told_and_not_tried_again(desk: Desk) -> None:
    desk.server.answers = [403]
    desk.tell()
    assert "'on-x'" in await desk.complained() and "403" in desk.complaints[0]
    assert len(desk.server.received) == 1


async def test_no_redirect_is_followed(desk: Desk) -> None:
    desk.server.answers = [302]
    desk.tell()
    assert "302" in await desk.complained()
    assert len(desk.server.received) == 1


async def test_a_dead_service_stops_no_other(desk: Desk) -> None:
    desk.tell(url="http://127.0.0.1:9")
    desk.tell()
    await desk.server.until(lambda bodies: bodies == ["the message"])
    assert "could not be reached" in await desk.complained()


@pytest.mark.parametrize(
    "options",
    [
        {"url": "file:///etc/passwd"},
        {"url": None},
        {"url": "http://hush hush@[::1"},
        {"headers": [{"name": "X", "value": "hush\r\nY: z"}]},
    ],
)
async def test_a_bad_option_is_told_without_its_secrets(desk: Desk, options: dict[str, Any]) -> None:
    desk.tell(**options)
    assert "hush" not in await desk.complained()


async def test_another_service_is_named(desk: Desk) -> None:
    desk.tell(service="pigeon")
    assert "'pigeon'" in await desk.complained()


async def test_what_waits_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(webhook.QUEUE + 1):
        desk.tell()
    assert "too many" in desk.complaints[0]
