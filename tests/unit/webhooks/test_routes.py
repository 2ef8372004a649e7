"""Webhooks at their address: what is taken, and that nothing sent there costs more than its bounds."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from trueup.api.server import read_address, serving
from trueup.controllers.receivers import Ready
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.recipe import RenderError, RenderProblem
from trueup.core.model.unit import SourceDeclaration
from trueup.core.model.webhook import BODY_LIMIT, Check, HookTarget, Proof, Receiver
from trueup.webhooks import handler as webhook_handler
from trueup.webhooks import routes as webhooks
from trueup.webhooks.handler import WebhookDispatcher
from trueup.webhooks.routes import webhook_routes

TOKEN = b"token"
GROUP, KIND = "source.toolkit.fluxcd.io", "GitRepository"
PATHS = {name: "/hook/" + hashlib.sha256(name.encode()).hexdigest() for name in ("hmac", "open", "json", "filter")}


def source(name: str) -> ObjectRef:
    return ObjectRef(GROUP, KIND, "flux-system", name)


class Engine:
    """What is woken, in order."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.bodies: dict[ObjectRef, Body] = {
            source(name): {"metadata": {"name": name, "labels": {"tier": tier}}}
            for name, tier in (("shop", "web"), ("stock", "web"), ("mail", "other"))
        }
        self.source_controller = self

    def declarations(self) -> tuple[SourceDeclaration, ...]:
        return tuple(
            SourceDeclaration(ref, "u", 1, GitSpec(f"https://git.example/owner/{ref.name}", GitRef(branch="main")))
            for ref in self.bodies
        )

    def wakeable(self, group: str, kind: str) -> tuple[ObjectRef, ...]:
        return tuple(self.bodies) if (group, kind) == (GROUP, KIND) else ()

    def requeue(self, ref: ObjectRef) -> None:
        self.woken.append(ref.name)

    async def evaluate(self, expression: str, variables: dict[str, object]) -> object:
        if expression == "broken":
            raise RenderError(RenderProblem("expression", "no such name"))
        request, resource = variables["req"], variables["res"]
        assert isinstance(request, Mapping) and isinstance(resource, Mapping)
        return request["name"] == resource["metadata"]["name"]


class Receivers:
    """The receivers of the tests, by their paths."""

    def __init__(self) -> None:
        ref = ObjectRef("notification.toolkit.fluxcd.io", "Receiver", "flux-system", "push")
        web = (HookTarget(GROUP, KIND, "flux-system", "*", {"tier": "web"}),)
        every = (HookTarget(GROUP, KIND, "flux-system", "*"),)
        signed = Proof(Check.HMAC, ("X-Hub-Signature",))
        made = {
            "hmac": Receiver(ref, 1, None, signed, "X-GitHub-Event", ("push",), web),
            "open": Receiver(ref, 1, None, targets=(HookTarget(GROUP, KIND, "flux-system", "shop"),)),
            "json": Receiver(ref, 1, None, Proof(Check.JSON), targets=web),
            "filter": Receiver(ref, 1, None, targets=every, expression="req.name == res.metadata.name"),
        }
        self.by_path = {PATHS[name]: Ready(receiver, TOKEN) for name, receiver in made.items()}

    def find(self, path: str) -> Ready | None:
        return self.by_path.get(path)


class Place:
    """A server that takes webhooks."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.receivers = Receivers()
        self.secrets: dict[str, bytes] = {}
        self.webhook_handler: WebhookDispatcher | None = WebhookDispatcher(
            self.receivers,  # type: ignore[arg-type]
            self.engine,
            self.engine,
            self.engine.bodies.get,
            lambda name, key: self.secrets.get(key),
        )
        self.url = ""

    async def send(self, path: str, body: object = b"{}", method: str = "POST", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(self.url) as client,
            client.request(method, path, data=body, headers=named) as answer,
        ):
            assert len(await answer.read()) < 50, "an answer tells nothing"
            return answer.status


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    made = Place()
    async with serving("127.0.0.1:0", webhook_routes(lambda: made.webhook_handler)) as made.url:
        yield made


def sign(body: bytes, token: bytes = TOKEN) -> str:
    return f"sha256={hmac.new(token, body, hashlib.sha256).hexdigest()}"


async def test_a_signed_push_wakes_what_the_receiver_names(place: Place) -> None:
    assert await place.send(PATHS["hmac"], b"{}", X_Hub_Signature=sign(b"{}"), X_GitHub_Event="push") == 200
    assert place.engine.woken == ["shop", "stock"]


async def test_other_events_wake_nobody(place: Place) -> None:
    assert await place.send(PATHS["hmac"], b"{}", X_Hub_Signature=sign(b"{}"), X_GitHub_Event="star") == 200
    assert not place.engine.woken


async def test_unsigned_wrongly_signed_and_unknown_are_refused_alike(place: Place) -> None:
    assert await place.send(PATHS["hmac"], b"{}", X_GitHub_Event="push") == 403
    wrong = sign(b"{}", b"another")
    assert await place.send(PATHS["hmac"], b"{}", X_Hub_Signature=wrong, X_GitHub_Event="push") == 403
    assert await place.send("/hook/" + "0" * 64) == 404
    assert await place.send("/hook/short") == 404
    assert await place.send("/api/webhook") == 403
    assert not place.engine.woken


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_generic_receiver_takes_any_method(place: Place, method: str) -> None:
    assert await place.send(PATHS["open"], b"", method) == 200
    assert place.engine.woken == ["shop"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"not json",
        b"\xff",
        b"[" * 1_000_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b'{"a":[' * 99999,
    ],
    ids=["empty", "null", "list", "number", "words", "no UTF-8", "deep", "deep object", "cut and deep"],
)
async def test_a_body_that_is_no_json_object_is_refused(place: Place, body: bytes) -> None:
    status = await place.send(PATHS["json"], body)
    assert status == 403 and await place.send("/api/webhook", body, X_GitHub_Event="push") == 403
    assert not place.engine.woken


async def test_a_huge_body_is_refused_before_it_is_there(place: Place) -> None:
    assert await place.send(PATHS["open"], b" " * (BODY_LIMIT + 1)) == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 65536 + 10):
            yield b" " * 65536

    assert await place.send("/api/webhook", endless()) == 413
    assert not place.engine.woken


async def test_a_slow_sender_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "READ_SECONDS", 0.1)
    host, port = read_address(place.url.removeprefix("http://"))
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST {PATHS['open']} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n1".encode())
    async with asyncio.timeout(5):
        assert b"408" in await reader.readline()
    writer.close()
    assert not place.engine.woken


async def test_slow_senders_keep_others_out_for_a_bounded_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(webhooks, "READ_SECONDS", 4.0)
    monkeypatch.setattr(webhooks, "ROOM", 2 * BODY_LIMIT)
    host, port = read_address(place.url.removeprefix("http://"))
    slow = [await asyncio.open_connection(host, port) for _ in range(2)]
    for _, writer in slow:
        head = f"POST /api/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY_LIMIT}\r\n\r\n"
        writer.write(head.encode() + bytes(BODY_LIMIT - 1))
    async with asyncio.timeout(60):
        while await place.send(PATHS["open"], b"some bytes more") != 503:
            pass
        for reader, _ in slow:
            assert b"408" in await reader.readline()
        assert await place.send(PATHS["open"]) == 200
    for _, writer in slow:
        writer.close()


async def test_who_sends_a_byte_at_a_time_keeps_nobody_out(place: Place) -> None:
    host, port = read_address(place.url.removeprefix("http://"))
    slow = [await asyncio.open_connection(host, port) for _ in range(100)]
    for _, writer in slow:
        writer.write(b"POST /api/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n1")
    assert [await place.send(PATHS["open"], b"{}") for _ in range(3)] == [200] * 3
    for _, writer in slow:
        writer.close()


async def test_a_filter_chooses_by_body_and_object(place: Place) -> None:
    assert await place.send(PATHS["filter"], b'{"name": "mail"}') == 200
    assert place.engine.woken == ["mail"]


async def test_a_filter_is_asked_for_so_many_objects_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_handler, "EXPRESSIONS", 2)
    assert await place.send(PATHS["filter"], b'{"name": "stock"}') == 200
    assert await place.send(PATHS["filter"], b'{"name": "mail"}') == 200
    assert place.engine.woken == ["stock"], "the third is not asked for, though the first two were not meant"


async def test_filters_that_take_long_give_their_place_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(expression: str, variables: dict[str, object]) -> object:
        return await asyncio.Event().wait()

    monkeypatch.setattr(webhooks, "WORK_SECONDS", 0.05)
    monkeypatch.setattr(webhooks, "AT_ONCE", 1)
    monkeypatch.setattr(place.engine, "evaluate", never)
    assert await place.send(PATHS["filter"], b'{"name": "mail"}') == 503
    assert await place.send(PATHS["open"]) == 200


async def test_a_filter_that_cannot_be_evaluated_wakes_nobody(place: Place) -> None:
    ready = place.receivers.by_path[PATHS["filter"]]
    broken = Receiver(ready.receiver.ref, 1, None, targets=ready.receiver.targets, expression="broken")
    place.receivers.by_path[PATHS["filter"]] = Ready(broken, TOKEN)
    assert await place.send(PATHS["filter"], b"{}") == 200
    assert not place.engine.woken


async def test_a_push_polls_the_sources_of_its_repository(place: Place) -> None:
    body = b'{"ref": "refs/heads/main", "repository": {"html_url": "https://git.example/Owner/Stock.git"}}'
    assert await place.send("/api/webhook", body, X_GitHub_Event="push") == 200
    assert place.engine.woken == ["stock"]
    other = body.replace(b"/main", b"/other")
    assert await place.send("/api/webhook", other, X_GitHub_Event="push") == 200
    assert place.engine.woken == ["stock"]


async def test_a_controller_that_stands_by_says_so(place: Place) -> None:
    place.webhook_handler = None
    assert await place.send(PATHS["open"]) == 503
    assert await place.send("/api/webhook") == 503
