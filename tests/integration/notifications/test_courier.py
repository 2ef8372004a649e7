"""Messages arrive in spite of a provider that is down, in their order, and nobody waits for somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from support.events import event, notification, unit
from support.listener import Listener, listening
from trueup.core.model.events import UnitGone
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import ValueRef
from trueup.core.notification.alerting import Alert, Channel, Selector
from trueup.core.notification.notification import Dispatcher, Notification, NotificationEvent
from trueup.notifications import dispatcher as courier_room
from trueup.notifications.alerting import Alerting, AlertingPorts
from trueup.notifications.dispatcher import PATIENCE, TRIES, WAITING, ServiceDispatcher
from trueup.notifications.memory import Memory
from trueup.notifications.registry import services
from trueup.testing import FakeValues

PROVIDER = ObjectRef("notification.toolkit.fluxcd.io", "Provider", "flux-system", "hook")
ALERT = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "all")


class Warnings:
    def __init__(self) -> None:
        self.told: list[tuple[ObjectRef, str]] = []

    def warn(self, ref: ObjectRef, message: str) -> None:
        self.told.append((ref, message))


@asynccontextmanager
async def sending(complaints: Warnings, patience: float = PATIENCE) -> AsyncIterator[ServiceDispatcher]:
    dispatcher = ServiceDispatcher(services(), complaints, first_pause=0.01, patience=patience)
    await dispatcher.start()
    try:
        yield dispatcher
    finally:
        await dispatcher.stop(0.1)


async def test_a_provider_that_is_down_gets_its_messages_later_and_in_order() -> None:
    complaints = Warnings()
    async with listening() as down, listening() as well, sending(complaints) as dispatcher:
        down.answers = [web.Response(status=503) for _ in range(3)]
        for number in range(3):
            told = event(message=f"number {number}")
            dispatcher.tell(notification("generic", told, service_name="down", options={"address": down.url}))
            dispatcher.tell(notification("generic", told, service_name="well", options={"address": well.url}))
        await well.until(lambda heard: len(heard) == 3)
        heard = await down.until(lambda heard: len(heard) == 6)
        assert [item.json()["message"] for item in heard[3:]] == ["number 0", "number 1", "number 2"]
        assert complaints.told == []


async def test_one_that_stays_down_is_told_of_and_given_up() -> None:
    complaints = Warnings()
    async with sending(complaints, patience=0.1) as dispatcher:
        told = event()
        dispatcher.tell(notification("generic", told, options={"address": "http://127.0.0.1:1/secret-path"}))
        async with asyncio.timeout(120):
            while not complaints.told:
                await asyncio.sleep(0.02)
    ((ref, words),) = complaints.told
    assert ref == unit() and "could not be reached" in words and "secret-path" not in words
    assert dispatcher.delivered[("generic", "failed")] == 1


async def test_one_that_is_down_for_long_gets_everything_when_it_is_back() -> None:
    complaints, concluded = Warnings(), []
    async with listening() as down, sending(complaints) as dispatcher:
        down.answers = [web.Response(status=503) for _ in range(TRIES + 1)]
        for number in range(3):
            told = event(message=f"number {number}")
            dispatcher.tell(
                notification(
                    "generic", told, options={"address": down.url}, concluded=partial(concluded.append, number)
                )
            )
        heard = await down.until(lambda heard: len(heard) == TRIES + 1 + 3)
    assert [item.json()["message"] for item in heard[-3:]] == ["number 0", "number 1", "number 2"]
    assert concluded == [0, 1, 2]
    ((_, words),) = complaints.told
    assert "it answered 503; it is tried further" in words


async def test_where_too_much_waits_in_all_the_fullest_channel_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_room, "WAITING_IN_ALL", 5)
    complaints = Warnings()
    async with sending(complaints) as dispatcher:
        options = {"address": "http://127.0.0.1:1/"}
        for number in range(5):
            dispatcher.tell(notification("generic", event(message=str(number)), options=options, recipient="full"))
        for name in ("one", "two"):
            dispatcher.tell(notification("generic", event(), options=options, recipient=name))
        assert dispatcher.delivered[("generic", "given-up")] == 2
        assert {key[2]: len(queue.waiting) for key, queue in dispatcher._queues.items()} == {
            "full": 3,
            "one": 1,
            "two": 1,
        }


async def test_a_slow_channel_gives_up_its_oldest_messages_and_says_so() -> None:
    complaints = Warnings()
    async with listening() as slow, sending(complaints) as dispatcher:
        for number in range(WAITING + 40):
            dispatcher.tell(notification("generic", event(message=str(number)), options={"address": slow.url}))
        heard = await slow.until(lambda heard: len(heard) >= WAITING - 1)
    assert heard[-1].json()["message"] == str(WAITING + 39)
    assert complaints.told and "given up" in complaints.told[0][1]


OTHER_PROVIDER = ObjectRef("notification.toolkit.fluxcd.io", "Provider", "flux-system", "other")
OTHER_ALERT = ObjectRef("notification.toolkit.fluxcd.io", "Alert", "flux-system", "other")


class Declared:
    """One alert to one channel."""

    def __init__(self, service: str, severity: str = "info") -> None:
        selector = Selector("Kustomization", "*", "flux-system")
        self.one = Alert(ALERT, PROVIDER, (selector,), facts=(("cluster", "eu"),))
        self.way = Channel(PROVIDER, service, secret=ValueRef("Secret", "flux-system", "hook"))

    def alerts(self) -> tuple[Alert, ...]:
        return (self.one,)

    def channel(self, ref: ObjectRef) -> Channel | None:
        return self.way if ref == PROVIDER else None


class Both:
    """Two alerts, each to its own channel."""

    def __init__(self, *declared: Declared) -> None:
        self.declared = declared

    def alerts(self) -> tuple[Alert, ...]:
        return tuple(one.one for one in self.declared)

    def channel(self, ref: ObjectRef) -> Channel | None:
        return next((one.way for one in self.declared if one.way.ref == ref), None)


class Recorder:
    """A courier that takes messages, and delivers none."""

    def __init__(self) -> None:
        self.taken: list[Notification] = []

    def tell(self, notification: Notification) -> None:
        self.taken.append(notification)


@asynccontextmanager
async def alerting(
    service: str, url: str, folder: Path, dispatcher: Dispatcher | None = None
) -> AsyncIterator[tuple[Callable[[NotificationEvent], None], Alerting, Warnings]]:
    """Give who is told of happenings: the event itself is not looked at."""
    complaints, values = Warnings(), FakeValues()
    values.data[("Secret", "flux-system", "hook")] = {"address": url.encode(), "token": b"t"}
    happened: list[NotificationEvent] = []
    async with sending(complaints) as real:
        made = Alerting(
            AlertingPorts(
                declared=Declared(service),
                read=lambda event: happened.pop(0),
                labels_of=lambda ref: {},
                values=values,
                dispatcher=dispatcher or real,
                warnings=complaints,
                memory=Memory(folder / "told.json"),
                gathered=frozenset({"slack"}),
            )
        )
        made.start()

        def note(told: NotificationEvent) -> None:
            happened.append(told)
            made.publish(UnitGone(None, None, told.at))  # type: ignore[arg-type]

        try:
            yield note, made, complaints
        finally:
            await made.stop()
    await made.flush()


async def test_a_thousand_events_in_a_second_are_one_message_to_people(tmp_path: Path) -> None:
    async with listening() as chat, alerting("slack", f"{chat.url}/services/x", tmp_path) as (note, made, _):
        listening_to: Listener = chat
        for number in range(1000):
            note(event(f"unit-{number}", bad=True))
        (heard,) = await listening_to.until(lambda heard: len(heard) == 1)
        assert "1000 objects:" in heard.json()["attachments"][0]["text"] and made.dropped == 0


async def test_programs_get_each_once_and_a_restart_tells_nothing_anew(tmp_path: Path) -> None:
    async with listening() as hook:
        for _ in range(2):
            async with alerting("generic-hmac", hook.url, tmp_path) as (note, _, complaints):
                note(event("a", bad=True))
                note(event("a", bad=True))
                note(event("b", bad=True))
                await hook.until(lambda heard: len(heard) == 2)
                assert complaints.told == []
        async with alerting("generic-hmac", hook.url, tmp_path) as (note, _, _):
            note(event("a", recovered=True, message="well again"))
            heard = await hook.until(lambda heard: len(heard) == 3)
        assert heard[2].json()["message"] == "well again"
        assert {item.json()["metadata"]["cluster"] for item in heard} == {"eu"}


async def test_bad_news_that_is_over_at_once_is_not_told_to_people(tmp_path: Path) -> None:
    """Neither that it was bad, nor that it is well again; a new deployment is told all the same."""
    async with listening() as chat, alerting("slack", f"{chat.url}/services/x", tmp_path) as (note, _, _):
        note(event("a", bad=True))
        note(event("a", recovered=True, message="well again"))
        note(event("b", bad=True))
        note(event("b", message="b is deployed", sync="1"))
        note(event("c", bad=True))
        heard = await chat.until(lambda heard: len(heard) == 2)
        texts = [str(item.json()) for item in heard]
    assert "c crash-loops" in "".join(texts) and "b is deployed" in "".join(texts)
    assert not any("well again" in text or "a crash-loops" in text or "b crash-loops" in text for text in texts)


async def test_a_missing_secret_is_said_and_its_message_waits_for_it(tmp_path: Path) -> None:
    async with listening() as hook, alerting("generic", hook.url, tmp_path) as (note, made, complaints):
        made._declared.way = Channel(PROVIDER, "generic", secret=ValueRef("Secret", "flux-system", "gone"))  # type: ignore[attr-defined]
        note(event("a"))
        async with asyncio.timeout(120):
            while not complaints.told:
                await asyncio.sleep(0.01)
        assert "Secret/flux-system/gone does not exist" in complaints.told[0][1]
        made._declared.way = Channel(PROVIDER, "generic", address=hook.url)  # type: ignore[attr-defined]
        note(event("b"))
        heard = await hook.until(lambda heard: len(heard) == 2)
    assert [item.json()["involvedObject"]["name"] for item in heard] == ["a", "b"]


async def test_a_missing_secret_holds_up_its_own_channel_alone(tmp_path: Path) -> None:
    async with listening() as hook, alerting("generic", hook.url, tmp_path) as (note, made, _):
        good, bad = made._declared, Declared("generic")
        bad.one = msgspec.structs.replace(bad.one, ref=OTHER_ALERT, channel=OTHER_PROVIDER)
        bad.way = Channel(OTHER_PROVIDER, "generic", secret=ValueRef("Secret", "flux-system", "gone"))
        made._declared = Both(bad, good)  # type: ignore[arg-type]
        for number in range(5):
            note(event(f"unit-{number}"))
        async with asyncio.timeout(1):
            await hook.until(lambda heard: len(heard) == 5)


@pytest.mark.parametrize("service", ["slack", "generic"])
async def test_what_had_not_arrived_is_told_after_a_restart_once(tmp_path: Path, service: str) -> None:
    """What the first process has handed over is never delivered: it ends as by kill -9, or while all is down."""
    lost = Recorder()
    async with alerting(service, "", tmp_path, lost) as (note, _, _):
        note(event("a", bad=True, at=datetime.now(UTC)))
        async with asyncio.timeout(5):
            while not (tmp_path / "told.json").exists():
                await asyncio.sleep(0.01)
    assert len(lost.taken) == 1
    async with listening() as hook, alerting(service, hook.url, tmp_path):
        await hook.until(lambda heard: len(heard) == 1)
    again = Recorder()
    async with alerting(service, "", tmp_path, again):
        pass
    assert again.taken == []


async def test_what_happened_while_a_provider_was_suspended_is_told_when_it_still_lasts(tmp_path: Path) -> None:
    async with listening() as hook, alerting("generic", hook.url, tmp_path) as (note, made, _):
        way = made._declared.way  # type: ignore[attr-defined]
        made._declared.way = msgspec.structs.replace(way, suspended=True)  # type: ignore[attr-defined]
        note(event("a", bad=True))
        await settled(made)
        made._declared.way = way  # type: ignore[attr-defined]
        note(event("a", bad=True))
        await hook.until(lambda heard: len(heard) == 1)


async def settled(made: Alerting) -> None:
    """Wait until all that was noted has been looked at."""
    async with asyncio.timeout(5):
        while made._queue:
            await asyncio.sleep(0.01)
