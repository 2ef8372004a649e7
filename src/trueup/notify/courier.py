"""Takes messages to their services: in turn for each channel, again where time may help, and past one that is down.

A channel that keeps failing is left alone for growing pauses; its messages wait, for a day at most, the oldest being
given up when too many do. Nothing that happens to one channel, or to its Secrets, delays another.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from trueup.core.ports import Unreachable
from trueup.core.telling import Complaints, Telling
from trueup.notify.registry import Service
from trueup.notify.sending import Client, Refused

log = structlog.get_logger(__name__)

WAITING = 500
"""Messages that may wait for one channel."""

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
class _Lane:
    """One channel's messages, and who sends them."""

    waiting: deque[Telling] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    given_up: int = 0


class ServiceCourier:
    """Implements the `Courier` port. `delivered` counts by (service, how it ended) for whoever measures."""

    def __init__(
        self,
        services: Mapping[str, Service],
        complaints: Complaints,
        *,
        first_pause: float = FIRST_PAUSE,
        patience: float = PATIENCE,
    ) -> None:
        """Take the services by name, and who is told of what did not arrive. The others are in seconds."""
        self._services = services
        self._complaints = complaints
        self._first_pause = first_pause
        self._patience = patience
        self._lanes: dict[tuple[str, str, str], _Lane] = {}
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
                await asyncio.gather(*(lane.empty.wait() for lane in self._lanes.values()))
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.__aexit__()

    def tell(self, telling: Telling) -> None:
        """Take a message; it goes out later."""
        if telling.service not in self._services:
            self._give_up(telling, f"services of the type {telling.service!r} are not supported")
            return
        key = (telling.service, telling.service_name, telling.recipient)
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= CHANNELS:
                self._give_up(telling, "there are too many channels at once")
                return
            lane = self._lanes[key] = _Lane()
            lane.task = asyncio.create_task(self._serve(key, lane), name=f"notify-{telling.service}")
        if len(lane.waiting) >= WAITING:
            self._shorten(lane)
        elif sum(len(each.waiting) for each in self._lanes.values()) >= WAITING_IN_ALL:
            self._shorten(max(self._lanes.values(), key=lambda each: len(each.waiting)))
        lane.waiting.append(telling)
        lane.arrived.set()
        lane.empty.clear()

    def _shorten(self, lane: _Lane) -> None:
        oldest = lane.waiting.popleft()
        _conclude(oldest)
        lane.given_up += 1
        self.delivered[(oldest.service, "given-up")] += 1
        if lane.given_up & (lane.given_up - 1) == 0:
            self._complain(oldest, f"it takes messages too slowly; {lane.given_up} were given up")

    async def _serve(self, key: tuple[str, str, str], lane: _Lane) -> None:
        while True:
            if not lane.waiting:
                lane.arrived.clear()
                lane.empty.set()
                try:
                    async with asyncio.timeout(IDLE):
                        await lane.arrived.wait()
                except TimeoutError:
                    if not lane.waiting:
                        self._lanes.pop(key, None)
                        return
            telling = lane.waiting[0]
            await self._deliver(telling)
            if lane.waiting and lane.waiting[0] is telling:
                lane.waiting.popleft()

    async def _deliver(self, telling: Telling) -> None:
        """Try until it has arrived, or further tries are in vain."""
        service, began, number = self._services[telling.service], time.monotonic(), 0
        while True:
            try:
                await service.send(await _opened(telling), self._client)
                self.delivered[(telling.service, "delivered")] += 1
                _conclude(telling)
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
                log.warning("a message is sent again", service=telling.service_name, problem=words)
            elif number == TRIES:
                self._complain(telling, f"{words}; it is tried further")
            await asyncio.sleep(max(pause, after))
        self.delivered[(telling.service, "failed")] += 1
        self._give_up(telling, words)

    def _give_up(self, telling: Telling, words: str) -> None:
        self._complain(telling, words)
        _conclude(telling)

    def _complain(self, telling: Telling, words: str) -> None:
        message = f"{telling.service_name}: {telling.trigger!r} was not delivered: {words}"
        log.warning("a notification was not delivered", object=str(telling.about), problem=message)
        self._complaints.complain(telling.about, message)


async def _opened(telling: Telling) -> Telling:
    if telling.opened is None:
        return telling
    return msgspec.structs.replace(telling, options=await telling.opened())


def _conclude(telling: Telling) -> None:
    if telling.concluded is not None:
        telling.concluded()
