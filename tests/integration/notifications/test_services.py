"""Each service is spoken to as its documentation says, on a local server that keeps what it hears."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from support.events import event, notification
from support.listener import Heard, Listener, listening
from trueup.core.notification.notification import Notification
from trueup.notifications.registry import services
from trueup.notifications.sending import Client, HttpOptions, Refused

SERVICES = services()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as made:
        yield made


async def send(told: Notification) -> None:
    async with Client() as client:
        await SERVICES[told.service].send(told, client)


def test_every_service_can_be_loaded() -> None:
    assert len(SERVICES) >= 25
    assert all(isinstance(service.gathered, bool) for service in SERVICES.values())


async def test_generic_posts_fluxs_event(listener: Listener) -> None:
    options = {"address": f"{listener.url}/hook", "headers": {"X-Team": "shop"}}
    await send(notification("generic", event(bad=True), options=options))
    (heard,) = listener.heard
    body = heard.json()
    assert body["involvedObject"]["kind"] == "Kustomization" and body["severity"] == "error"
    assert body["metadata"]["revision"].startswith("main@sha1:") and body["metadata"]["author"] == "Ada"
    assert body["timestamp"] == "2026-11-25T10:00:00Z" and body["reportingController"] == "kustomize-controller"
    assert heard.headers["Gotk-Component"] == "kustomize-controller" and heard.headers["X-Team"] == "shop"


async def test_generic_hmac_signs_the_very_body(listener: Listener) -> None:
    options = {"address": listener.url, "token": "secret-token"}
    await send(notification("generic-hmac", event(), options=options))
    (heard,) = listener.heard
    wanted = hmac.new(b"secret-token", heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["X-Signature"] == f"sha256={wanted}"
    with pytest.raises(Refused, match="no token"):
        await send(notification("generic-hmac", event(), options={"address": listener.url}))


async def test_slack_by_webhook(listener: Listener) -> None:
    options = {"address": f"{listener.url}/services/T/B/x", "sender": "flux"}
    await send(notification("slack", event(bad=True), options=options, recipient="ops"))
    message = listener.heard[0].json()
    assert message["channel"] == "ops" and message["username"] == "flux"
    (attachment,) = message["attachments"]
    assert attachment["color"] == "danger" and "crash-loops" in attachment["text"]
    assert {"title": "author", "value": "Ada", "short": True} in attachment["fields"]


async def test_slack_as_a_bot_makes_a_thread_that_says_how_things_stand(listener: Listener) -> None:
    listener.answer = lambda heard: web.json_response({"ok": True, "ts": "1.5", "channel": "C1"})
    options = {"token": "xoxb-1", "address": f"{listener.url}/api/chat.postMessage"}
    await send(notification("slack", event(bad=True), options=options, recipient="ops"))
    await send(notification("slack", event(recovered=True, message="well again"), options=options, recipient="ops"))
    first, reply, update = listener.heard
    assert [item.path for item in listener.heard] == [
        "/api/chat.postMessage",
        "/api/chat.postMessage",
        "/api/chat.update",
    ]
    assert first.headers["Authorization"] == "Bearer xoxb-1" and "thread_ts" not in first.json()
    assert reply.json()["thread_ts"] == "1.5" and "well again" in reply.json()["attachments"][0]["text"]
    assert (update.json()["ts"], update.json()["channel"]) == ("1.5", "C1")
    assert update.json()["attachments"][0]["color"] == "good"


async def test_a_reply_that_arrived_is_not_written_again_for_its_threads_beginning(listener: Listener) -> None:
    def answer(heard: Heard) -> web.Response:
        if heard.path.endswith("chat.update"):
            return web.json_response({"ok": False, "error": "ratelimited"})
        return web.json_response({"ok": True, "ts": "2.5", "channel": "C2"})

    listener.answer = answer
    options = {"token": "xoxb-1", "address": f"{listener.url}/api/chat.postMessage"}
    for message in ("first", "second"):
        await send(notification("slack", event(message=message), options=options, recipient="again"))
    assert len(listener.heard) == 3


async def test_slacks_own_errors_are_told_apart(listener: Listener) -> None:
    options = {"token": "xoxb-1", "address": listener.url}
    listener.answer = lambda heard: web.json_response({"ok": False, "error": "channel_not_found"})
    with pytest.raises(Refused, match="channel_not_found") as refused:
        await send(notification("slack", event(), options=options, recipient="nowhere"))
    assert not refused.value.retry
    listener.answer = lambda heard: web.json_response({"ok": False, "error": "ratelimited"})
    with pytest.raises(Refused) as refused:
        await send(notification("slack", event(), options=options, recipient="ops"))
    assert refused.value.retry


async def test_slack_takes_argo_cds_section(listener: Listener) -> None:
    listener.answer = lambda heard: web.json_response({"ok": True, "ts": "1"})
    section = {"attachments": '[{"title": "web"}]', "groupingKey": "sha", "username": "argo"}
    options = {"token": "xoxb-1", "apiURL": f"{listener.url}/api", "icon": ":ship:"}
    await send(notification("slack", options=options, recipient="ops", section=section))
    message = listener.heard[0].json()
    assert message["text"] == "web is deployed" and message["attachments"] == [{"title": "web"}]
    assert (message["username"], message["icon_emoji"]) == ("argo", ":ship:")


async def test_discord_and_teams(listener: Listener) -> None:
    await send(notification("discord", event(bad=True), options={"address": f"{listener.url}/api/webhooks/1/x/slack"}))
    assert listener.heard[0].path == "/api/webhooks/1/x"
    embed = listener.heard[0].json()["embeds"][0]
    assert "crash-loops" in embed["description"] and listener.heard[0].json()["allowed_mentions"] == {"parse": []}
    await send(notification("msteams", event(), options={"address": f"{listener.url}/workflows/1"}))
    (attachment,) = listener.heard[1].json()["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    texts = [block.get("text") for block in attachment["content"]["body"]]
    assert "web is delivered" in texts
    urls = {"recipientUrls": {"ops": f"{listener.url}/workflows/2"}}
    await send(notification("teams-workflows", options=urls, recipient="ops", section={"title": "Deployed"}))
    assert listener.heard[2].path == "/workflows/2"


async def test_pagerduty_triggers_and_resolves_the_same_incident(listener: Listener) -> None:
    options = {"address": listener.url}
    await send(notification("pagerduty", event(bad=True), options=options, recipient="routing-key"))
    await send(notification("pagerduty", event(recovered=True), options=options, recipient="routing-key"))
    trigger, resolve = (item.json() for item in listener.heard)
    assert [item.path for item in listener.heard] == ["/v2/enqueue", "/v2/enqueue"]
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] and trigger["routing_key"] == "routing-key"
    assert trigger["payload"]["severity"] == "error"


async def test_alertmanagers_alert_ends_with_the_same_labels(listener: Listener) -> None:
    options = {"address": f"{listener.url}/api/v2/alerts"}
    await send(notification("alertmanager", event(bad=True), options=options))
    await send(notification("alertmanager", event(recovered=True), options=options))
    (fires,), (ended,) = (item.json() for item in listener.heard)
    assert fires["labels"] == ended["labels"] and fires["labels"]["name"] == "web"
    assert fires["endsAt"] > fires["startsAt"] and ended["endsAt"] <= "2026-11-25T10:00:00+00:00"


async def test_one_alertmanager_of_several_is_enough(listener: Listener) -> None:
    up, down = listener.url.removeprefix("http://"), "127.0.0.1:1"
    await send(notification("alertmanager", event(bad=True), options={"targets": [down, up]}))
    assert len(listener.heard) == 1
    with pytest.raises(Refused) as refused:
        await send(notification("alertmanager", event(bad=True), options={"targets": [down, down]}))
    assert refused.value.retry


async def test_grafana_webhook_and_what_they_carry(listener: Listener) -> None:
    await send(notification("grafana", event(), options={"address": listener.url, "token": "t"}))
    heard = listener.heard[0]
    assert heard.path == "/api/annotations" and heard.headers["Authorization"] == "Bearer t"
    assert heard.json()["time"] == 1795600800000 and "kind: Kustomization" in heard.json()["tags"]
    options = {
        "url": listener.url,
        "headers": [{"name": "X-A", "value": "1"}],
        "basicAuth": {"username": "u", "password": "p"},
    }
    await send(notification("webhook", options=options, section={"method": "POST", "path": "/x", "body": '{"a": 1}'}))
    heard = listener.heard[1]
    assert (heard.method, heard.path, heard.json()) == ("POST", "/x", {"a": 1})
    assert heard.headers["Authorization"] == "Basic dTpw" and heard.headers["X-A"] == "1"


async def test_commit_statuses_and_comments_go_to_the_host(listener: Listener) -> None:
    def answer(heard: Heard) -> web.Response:
        if heard.path.startswith("/api/v1/repos/team/shop/commits") and "pull" in heard.path:
            return web.json_response({"number": 7, "title": "Ship", "html_url": "u", "state": "closed", "merged": True})
        return web.json_response([]) if heard.method == "GET" else web.json_response({"id": 1}, status=201)

    listener.answer = answer
    options = {"address": f"{listener.url}/team/shop", "secret": {"token": "api-token"}}
    await send(notification("gitea", event(bad=True), options=options))
    posted = [item for item in listener.heard if item.method == "POST"]
    assert posted and posted[0].path.startswith("/api/v1/repos/team/shop/statuses/")
    status = posted[0].json()
    assert status["state"] in ("failure", "error") and status["context"] == "kustomization/flux-system/web"
    listener.heard.clear()
    await send(notification("giteapullrequestcomment", event(bad=True), options=options))
    comments = [item for item in listener.heard if item.method == "POST"]
    assert comments and "/issues/7/comments" in comments[0].path and "crash-loops" in comments[0].json()["body"]
    with pytest.raises(Refused, match="no token"):
        await send(notification("github", event(), options={"address": "https://github.com/team/shop"}))


@pytest.mark.parametrize(
    ("status", "retry", "headers", "after"),
    [(500, True, {}, 0.0), (429, True, {"Retry-After": "7"}, 7.0), (404, False, {}, 0.0), (302, False, {}, 0.0)],
)
async def test_answers_say_whether_time_may_help(
    listener: Listener, status: int, retry: bool, headers: dict[str, str], after: float
) -> None:
    listener.answers = [web.Response(status=status, headers={"Location": "https://elsewhere.example", **headers})]
    with pytest.raises(Refused, match=str(status)) as refused:
        await send(notification("generic", event(), options={"address": f"{listener.url}/?token=very-secret"}))
    assert (refused.value.retry, refused.value.after) == (retry, after)
    assert "very-secret" not in str(refused.value)


async def test_channels_that_never_answer_hold_up_nobody() -> None:
    silent = asyncio.Event()
    begun = asyncio.Semaphore(0)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.release()
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Client() as client, listening() as other:
        way = HttpOptions.of({"timeout": 1e9})
        assert way.timeout <= 60.0
        waiting = [asyncio.create_task(client.send("GET", f"http://127.0.0.1:{port}/", way)) for _ in range(120)]
        async with asyncio.timeout(120):
            for _ in waiting:
                await begun.acquire()
            assert (await client.send("GET", other.url, HttpOptions())).status == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    silent.set()
    server.close()


async def test_what_cannot_be_reached_is_told_without_its_address() -> None:
    with pytest.raises(Refused) as refused:
        await send(notification("generic", event(), options={"address": "http://127.0.0.1:1/very-secret"}))
    assert refused.value.retry and "very-secret" not in str(refused.value)
    with pytest.raises(Refused, match="http"):
        await send(notification("generic", event(), options={"address": "file:///etc/passwd"}))
    with pytest.raises(Refused, match="https"):
        await send(notification("googlechat", event(), options={"address": "syslog://"}))


async def test_a_library_that_blocks_takes_no_thread_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def notify(*_: object, **__: object) -> bool:
        names.append(threading.current_thread().name)
        return True

    monkeypatch.setattr("apprise.Apprise.notify", notify)
    await send(notification("telegram", event(), options={"token": "123456789:" + "a" * 35}, recipient="12315544"))
    assert names and names[0].startswith("apprise")
