"""Messages by HTTP to a URL of the user's own, as Argo CD's `webhook` service sends them.

Options: `url`, `headers` (`name`, `value`), `basicAuth` (`username`, `password`), `insecureSkipVerify`, `retryMax` (3),
`retryWaitMin` and `retryWaitMax` (1s, 5s). A message's section: `method` (GET), `path` (added to the URL), `body` (by
default the message's text). Redirects are not followed: the headers may be credentials.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec
import structlog

from trueup.core.telling import Complaints, Telling

log = structlog.get_logger(__name__)

QUEUE = 1000
"""Messages that may wait; what comes then is told of and left out."""

SENDERS = 4
TIMEOUT = 10.0
"""Seconds for one try."""

RETRIES = 3
MAX_RETRIES = 10
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m)$")


class Refused(Exception):
    """The message did not arrive. `retry`: time alone may help."""

    def __init__(self, message: str, retry: bool) -> None:
        super().__init__(message)
        self.retry = retry


class Call(msgspec.Struct, frozen=True):
    """An HTTP request and how often it is tried: pauses in seconds, each twice the one before up to the longest."""

    method: str
    url: str
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    verify: bool = True
    retries: int = RETRIES
    pause: float = 1.0
    longest: float = 5.0


def call_of(telling: Telling) -> Call:
    """Read a message's options and section. Raises `Refused` where they give no request."""
    options = telling.options if isinstance(telling.options, Mapping) else {}
    section = telling.section
    url = options.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refused(f"the service {telling.service_name!r} has no url that begins with http:// or https://", False)
    if path := section.get("path"):
        url = f"{url.rstrip('/')}/{str(path).lstrip('/')}"
    basic = options.get("basicAuth")
    headers = _headers(options.get("headers"))
    if isinstance(basic, Mapping):
        login = f"{basic.get('username') or ''}:{basic.get('password') or ''}"
        headers.append(("Authorization", "Basic " + base64.b64encode(login.encode()).decode()))
    retries = options.get("retryMax")
    body = section.get("body")
    return Call(
        method=str(section.get("method") or "GET").upper(),
        url=url,
        body=body if isinstance(body, str) and body else telling.message,
        headers=tuple(headers),
        verify=options.get("insecureSkipVerify") is not True,
        retries=min(retries, MAX_RETRIES) if isinstance(retries, int) and retries >= 0 else RETRIES,
        pause=_seconds(options.get("retryWaitMin"), 1.0),
        longest=_seconds(options.get("retryWaitMax"), 5.0),
    )


class WebhookCourier:
    """Implements the `Courier` port for webhooks; of other services it says that nobody takes messages there."""

    def __init__(self, complaints: Complaints, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        """Take who is told of what did not arrive."""
        self._complaints = complaints
        self._sleep = sleep
        self._queue: asyncio.Queue[Telling] = asyncio.Queue(QUEUE)
        self._tasks: list[asyncio.Task[None]] = []
        self._client: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin to send."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        self._client = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        self._tasks = [asyncio.create_task(self._send_all(), name=f"webhooks-{number}") for number in range(SENDERS)]

    async def stop(self) -> None:
        """End; what waits is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def tell(self, telling: Telling) -> None:
        """Take a message; it goes out later."""
        if telling.service != "webhook":
            self._complain(telling, f"services of the type {telling.service!r} are not supported")
            return
        try:
            self._queue.put_nowait(telling)
        except asyncio.QueueFull:
            self._complain(telling, "too many messages wait already")

    async def _send_all(self) -> None:
        while True:
            telling = await self._queue.get()
            try:
                await self._send(telling)
            except Refused as refusal:
                self._complain(telling, str(refusal))
            except Exception as error:
                # Only the kind of error is told: its words may repeat a header or the URL, which may hold a secret.
                self._complain(telling, f"the request could not be made ({type(error).__name__})")
            finally:
                self._queue.task_done()

    async def _send(self, telling: Telling) -> None:
        call = call_of(telling)
        pause = call.pause
        for left in range(call.retries, -1, -1):
            try:
                await self._try(call)
                return
            except Refused as refusal:
                if not left or not refusal.retry:
                    raise
            await self._sleep(pause)
            pause = min(pause * 2, call.longest)

    async def _try(self, call: Call) -> None:
        assert self._client is not None
        try:
            async with self._client.request(
                call.method,
                call.url,
                data=call.body.encode(),
                headers=call.headers,
                allow_redirects=False,
                ssl=call.verify,
            ) as answer:
                if not 200 <= answer.status < 300:
                    raise Refused(f"it answered {answer.status}", answer.status >= 500 or answer.status in (408, 429))
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise Refused(f"it could not be reached ({type(error).__name__})", True) from None

    def _complain(self, telling: Telling, words: str) -> None:
        message = f"the trigger {telling.trigger!r} for the service {telling.service_name!r}: {words}"
        log.warning("a notification was not delivered", object=str(telling.about), problem=message)
        self._complaints.complain(telling.about, message)


def _headers(value: Any) -> list[tuple[str, str]]:
    items = value if isinstance(value, list) else []
    pairs = [(item.get("name"), item.get("value")) for item in items if isinstance(item, Mapping)]
    return [(name, str(text)) for name, text in pairs if isinstance(name, str) and text is not None]


def _seconds(value: Any, default: float) -> float:
    match = _DURATION.match(value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else default
