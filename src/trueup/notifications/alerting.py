"""Tells what alerts ask for: chooses, drops what is no news, gathers what belongs together, hands it to the courier."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog
import yaml

from trueup.core.model.events import Event
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import ValueRef
from trueup.core.notification.alerting import Alert, Channel
from trueup.core.notification.notification import Dispatcher, Notification, NotificationEvent, Severity, Warnings
from trueup.core.ports import Unreachable, Values
from trueup.fairness import FairQueue
from trueup.notifications.grouping import Group, add, key_of, take_back, together
from trueup.notifications.memory import Memory

log = structlog.get_logger(__name__)

WAITING = 5000
"""Happenings that may wait to be looked at. Namespaces are served by turns; of more, the one that has most loses its
oldest, which are counted and told of."""

TICK = 0.2


class Declared(Protocol):
    """Knows channels and alerts."""

    def alerts(self) -> tuple[Alert, ...]:
        """Give all alerts."""
        ...

    def channel(self, ref: ObjectRef) -> Channel | None:
        """Give a channel."""
        ...


class AlertingPorts(msgspec.Struct, frozen=True):
    """All that alerting works with. `read` says what an event is to users, `labels_of` gives an object's labels.

    `gathered` are the services whose messages are for people: several at once become one. Programs get each.
    `managed_by` names the other controller that sends an alert's messages: it is left to that one.
    """

    declared: Declared
    read: Callable[[Event], NotificationEvent | None]
    labels_of: Callable[[ObjectRef], Mapping[str, str]]
    values: Values
    dispatcher: Dispatcher
    warnings: Warnings
    memory: Memory
    gathered: frozenset[str]
    managed_by: Callable[[ObjectRef], str] = lambda ref: ""


class Alerting:
    """Implements the `EventSink` port."""

    def __init__(self, ports: AlertingPorts, clock: Callable[[], float] = time.monotonic) -> None:
        """Take who declares, reads, delivers and remembers, and the clock that messages are gathered by (seconds)."""
        self._declared = ports.declared
        self._read = ports.read
        self._labels_of = ports.labels_of
        self._values = ports.values
        self._dispatcher = ports.dispatcher
        self._warnings = ports.warnings
        self._memory = ports.memory
        self._gathered = ports.gathered
        self._managed_by = ports.managed_by
        self._clock = clock
        self._queue: FairQueue[NotificationEvent] = FairQueue(WAITING)
        self._groups: dict[tuple[ObjectRef, Hashable], Group] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.dropped = 0
        """Happenings that found no room."""

    def start(self) -> None:
        """Begin to tell."""
        self._memory.load()
        self._resume()
        self._tasks = [
            asyncio.create_task(self._choose_all(), name="alerts-choosing"),
            asyncio.create_task(self._gather_all(), name="alerts-gathering"),
        ]

    async def stop(self) -> None:
        """Hand over what is gathered, and end. What does not arrive any more is told after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tell_due(float("inf"))

    def publish(self, engine_event: Event) -> None:
        """Take note of what happens."""
        if not self._declared.alerts():
            return
        event = self._read(engine_event)
        if event is None:
            return
        if self._queue.put(event.about.namespace, event) is not None:
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:
                log.error("too much happens at once; not everything is told", dropped=self.dropped)

    async def flush(self) -> None:
        """Wait until what was told is written down; to be called when the courier has ended."""
        await self._memory.flush()

    def _resume(self) -> None:
        """Tell what an earlier process had begun to."""
        for sent in self._memory.on_the_way():
            alert = self._alert(sent.listener)
            channel = self._channel(alert) if alert else None
            if alert is not None and channel is not None:
                self._forward(alert, channel, sent.event)

    async def _choose_all(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                self._choose(event)
            except Exception as error:
                log.error("a happening was not told", about=str(event.about), error=f"{type(error).__name__}")

    def _choose(self, event: NotificationEvent) -> None:
        labels = self._labels_of(event.about)
        for alert in self._declared.alerts():
            if alert.suspended or not alert.selects(event.about, labels) or self._managed_by(alert.ref):
                continue
            bad_before = self._memory.was_bad(alert.ref, event.about)
            recovered = event.recovered or (bad_before and event.severity.value == "info")
            if not alert.wants(event.severity, event.message, recovered=recovered and bad_before):
                continue
            told = msgspec.structs.replace(event, recovered=recovered and bad_before)
            if event.recovered and not bad_before:
                continue
            # Looked at first: what cannot be told is not remembered as told.
            channel = self._channel(alert)
            if channel is not None and self._memory.news(alert.ref, told):
                self._forward(alert, channel, told)

    def _alert(self, ref: ObjectRef) -> Alert | None:
        return next((one for one in self._declared.alerts() if one.ref == ref), None)

    def _channel(self, alert: Alert) -> Channel | None:
        channel = self._declared.channel(alert.channel)
        if channel is None:
            self._warnings.warn(alert.ref, f"{alert.channel} does not exist; create it, or name another one")
        return None if channel is None or channel.suspended or channel.problems else channel

    def _forward(self, alert: Alert, channel: Channel, event: NotificationEvent) -> None:
        if channel.service not in self._gathered:
            self._hand_over(alert, channel, event, (event,))
            return
        if event.recovered and self._is_over(alert, event):
            return
        key = (alert.ref, key_of(event))
        group = self._groups[key] = add(self._groups.get(key), event, self._clock())
        if group.members[-1] is not event:
            # It is only counted: the message's number is all that will be told of it.
            self._memory.arrived(alert.ref, event)

    def _is_over(self, alert: Alert, event: NotificationEvent) -> bool:
        """Drop gathered bad news about the same revision: it is over before anybody was told.

        Gives whether the event itself need not be told then, because it only says that bad news is over.
        """
        over = False
        for key, group in list(self._groups.items()):
            gone = take_back(group, event) if key[0] == alert.ref else ()
            self._arrived(alert.ref, gone)
            over = over or bool(gone)
            if not group.members:
                del self._groups[key]
        if over and (alert.severity is Severity.ERROR or not event.sync):
            self._arrived(alert.ref, (event,))
            return True
        return False

    async def _gather_all(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                self._tell_due(self._clock())
            except Exception as error:
                log.error("gathered messages were not told", error=type(error).__name__)

    def _tell_due(self, now: float) -> None:
        for key, group in list(self._groups.items()):
            if group.due(now) > 0:
                continue
            del self._groups[key]
            alert = self._alert(key[0])
            channel = self._channel(alert) if alert else None
            if alert is not None and channel is not None:
                self._hand_over(alert, channel, together(group), tuple(group.members))
            else:
                self._arrived(key[0], group.members)

    def _arrived(self, listener: ObjectRef, told: Sequence[NotificationEvent]) -> None:
        for event in told:
            self._memory.arrived(listener, event)

    def _hand_over(
        self, alert: Alert, channel: Channel, event: NotificationEvent, members: Sequence[NotificationEvent]
    ) -> None:
        """Give the courier one message that tells of `members`."""
        facts = dict(event.facts) | dict(alert.facts)
        told = msgspec.structs.replace(event, facts=tuple(facts.items()))
        self._dispatcher.tell(
            Notification(
                about=event.about,
                key=f"{channel.ref}|{event.about}|{event.reason}|{event.revision}",
                trigger=event.reason,
                once=event.revision,
                service=channel.service,
                service_name=str(channel.ref),
                options={},
                recipient=channel.recipient,
                message=event.message,
                section={},
                event=told,
                opened=partial(self._opened, channel),
                concluded=partial(self._arrived, alert.ref, members),
            )
        )

    async def _opened(self, channel: Channel) -> dict[str, Any]:
        """Give the options of a channel as it is declared by now. Raises `Unreachable`."""
        now = self._declared.channel(channel.ref)
        try:
            return await self._options(now if now is not None and now.service == channel.service else channel)
        except Unreachable as error:
            self._warnings.warn(channel.ref, f"{error}; messages wait for it")
            raise

    async def _options(self, channel: Channel) -> dict[str, Any]:
        """Give what a service needs to be reached, with the Secrets' values. Raises `Unreachable`."""
        secret = await self._secret(channel.secret)
        certificates = await self._secret(channel.certificates)
        proxy = await self._secret(channel.proxy_secret)
        return {
            "address": secret.get("address") or channel.address,
            "token": secret.get("token", ""),
            "username": secret.get("username") or channel.sender,
            "sender": channel.sender,
            "password": secret.get("password", ""),
            "headers": _headers(secret.get("headers", "")),
            "proxy": proxy.get("address") or secret.get("proxy") or channel.proxy,
            "proxy_username": proxy.get("username", ""),
            "proxy_password": proxy.get("password", ""),
            "ca": certificates.get("ca.crt") or certificates.get("caFile", ""),
            "certificate": certificates.get("tls.crt") or certificates.get("certFile", ""),
            "key": certificates.get("tls.key") or certificates.get("keyFile", ""),
            "timeout": channel.timeout,
            "secret": secret,
        }

    async def _secret(self, ref: ValueRef | None) -> dict[str, str]:
        if ref is None:
            return {}
        data = await self._values.read(ref.kind, ref.namespace, ref.name)
        if data is None:
            raise Unreachable(f"{ref.ref} does not exist")
        return {key: value.decode(errors="replace").strip() for key, value in data.items()}


def _headers(text: str) -> dict[str, str]:
    """Read extra headers, written as a YAML mapping."""
    try:
        found = yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
