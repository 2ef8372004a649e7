"""Takes messages to their services: in turn for each channel, again where time may help, and past one that is down.

A channel that keeps failing is left alone for growing pauses; its messages wait, for a day at most, the oldest being
given up when too many do. Nothing that happens to one channel, or to its Secrets, delays another.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from trueup.core.notification.notification import Notification, Warnings
from trueup.core.ports import Unreachable
from trueup.fairness import FairLine
from trueup.notifications.registry import Service
from trueup.notifications.sending import Client, Refused

log = structlog.get_logger(__name__)

WAITING = 500
"""Messages that may wait for one channel; namespaces that share it are served by turns, and lose by turns."""

WAITING_IN_ALL = 20_000
"""Messages that may wait for all channels together; of more, the channel that has most gives up its oldest."""

CHANNELS = 1000
TRIES = 8
"""Failed tries after which the users are told that something does not arrive; it is tried further."""

PATIENCE = 24 * 3600.0
"""Seconds for which one message is tried."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 120.0
IDLE = 60.0
"""Seconds after which a channel without messages is let go."""


@dataclass(slots=True)
class _Queue:
    """One channel's messages, and who sends them; `owner` is the namespace whose first message made it."""

    owner: str
    waiting: FairLine[Notification] = field(default_factory=FairLine)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    given_up: int = 0


class ServiceDispatcher:
    """Implements the `Dispatcher` port. `delivered` counts by (service, how it ended) for whoever measures."""

    def __init__(
        self,
        services: Mapping[str, Service],
        complaints: Warnings,
        *,
        first_pause: float = FIRST_PAUSE,
        patience: float = PATIENCE,
    ) -> None:
        """Take the services by name, and who is told of what did not arrive. The others are in seconds."""
        self._services = services
        self._warnings = complaints
        self._first_pause = first_pause
        self._patience = patience
        self._queues: dict[tuple[str, str, str], _Queue] = {}
        self._client = Client()
        self._open = False
        self.delivered: Counter[tuple[str, str]] = Counter()

    async def start(self) -> None:
        """Begin to send."""
        await self._client.__aenter__()
        self._open = True

    async def stop(self, grace: float = 3.0) -> None:
        """Send what waits, for at most `grace` seconds, and end."""
        self._open = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.gather(*(queue.empty.wait() for queue in self._queues.values()))
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.__aexit__()

    def tell(self, notification: Notification) -> None:
        """Take a message; it goes out later."""
        if notification.service not in self._services:
            self._give_up(notification, f"services of the type {notification.service!r} are not supported")
            return
        key = (notification.service, notification.service_name, notification.recipient)
        owner = notification.about.namespace
        queue = self._queues.get(key)
        if queue is None:
            if len(self._queues) >= CHANNELS and not self._make_room(owner):
                self._give_up(notification, "there are too many channels at once")
                return
            queue = self._queues[key] = _Queue(owner)
            queue.task = asyncio.create_task(self._serve(key, queue), name=f"notify-{notification.service}")
        if len(queue.waiting) >= WAITING:
            self._shorten(queue)
        elif sum(len(each.waiting) for each in self._queues.values()) >= WAITING_IN_ALL:
            self._shorten(max(self._queues.values(), key=lambda each: len(each.waiting)))
        queue.waiting.add(owner, notification)
        queue.arrived.set()
        queue.empty.clear()

    def _make_room(self, owner: str) -> bool:
        """Let go of a channel of the namespace that has most, unless that is the one that wants another."""
        owners = Counter(queue.owner for queue in self._queues.values())
        most, count = owners.most_common(1)[0]
        if most == owner or count <= owners[owner] + 1:
            return False
        key, queue = next((key, queue) for key, queue in self._queues.items() if queue.owner == most)
        del self._queues[key]
        if queue.task is not None:
            queue.task.cancel()
        while (waiting := queue.waiting.take()) is not None:
            self._give_up(waiting, "there are too many channels at once")
        queue.empty.set()
        return True

    def _shorten(self, queue: _Queue) -> None:
        oldest = queue.waiting.shorten()
        _conclude(oldest)
        queue.given_up += 1
        self.delivered[(oldest.service, "given-up")] += 1
        if queue.given_up & (queue.given_up - 1) == 0:
            self._warn(oldest, f"it takes messages too slowly; {queue.given_up} were given up")

    async def _serve(self, key: tuple[str, str, str], queue: _Queue) -> None:
        while True:
            notification = queue.waiting.take()
            if notification is None:
                queue.arrived.clear()
                queue.empty.set()
                try:
                    async with asyncio.timeout(IDLE):
                        await queue.arrived.wait()
                except TimeoutError:
                    if not queue.waiting:
                        self._queues.pop(key, None)
                        return
                continue
            await self._deliver(notification)

    async def _deliver(self, notification: Notification) -> None:
        """Try until it has arrived, or further tries are in vain."""
        service, began, number = self._services[notification.service], time.monotonic(), 0
        while True:
            try:
                await service.send(await _opened(notification), self._client)
                self.delivered[(notification.service, "delivered")] += 1
                _conclude(notification)
                return
            except Refused as refusal:
                words, retry, after = str(refusal), refusal.retry, refusal.after
            except Unreachable as error:
                words, retry, after = str(error), True, 0.0
            except Exception as error:
                # Only the kind of error is told: its words may repeat what is secret.
                words, retry, after = f"it could not be written ({type(error).__name__})", False, 0.0
            pause = min(self._first_pause * 2.0 ** min(number, 20), LONGEST_PAUSE) * random.uniform(0.8, 1.2)
            number += 1
            if not retry or time.monotonic() - began + pause > self._patience:
                break
            if number == 1:
                log.warning("a message is sent again", service=notification.service_name, problem=words)
            elif number == TRIES:
                self._warn(notification, f"{words}; it is tried further")
            await asyncio.sleep(max(pause, after))
        self.delivered[(notification.service, "failed")] += 1
        self._give_up(notification, words)

    def _give_up(self, notification: Notification, words: str) -> None:
        self._warn(notification, words)
        _conclude(notification)

    def _warn(self, notification: Notification, words: str) -> None:
        message = f"{notification.service_name}: {notification.trigger!r} was not delivered: {words}"
        log.warning("a notification was not delivered", object=str(notification.about), problem=message)
        self._warnings.warn(notification.about, message)


async def _opened(notification: Notification) -> Notification:
    if notification.opened is None:
        return notification
    return msgspec.structs.replace(notification, options=await notification.opened())


def _conclude(notification: Notification) -> None:
    if notification.concluded is not None:
        notification.concluded()
