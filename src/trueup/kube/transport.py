"""Sends requests: one connection pool per cluster, a bound on requests in flight, and retries where they do no harm.

What is tried again by itself: a request that the server turned away before it did anything (429, 503 with a
`Retry-After`, no connection), and one without effects or with the same effect each time that broke on the way. The
fence of a write is asked before every sending, also the later ones.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import NamedTuple

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from trueup import __version__
from trueup.fairness import FairSlots
from trueup.kube.config.connect import Connection
from trueup.kube.errors import (
    BadAnswer,
    CertificateError,
    EvictionBlocked,
    KubeError,
    NoConnection,
    Timeout,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    error_of,
)
from trueup.kube.hidden_values import RESOURCE, without_values

USER_AGENT = f"trueup/{__version__}"

_MAX_ANSWER = 512 * 1024 * 1024
_MAX_LINE = 64 * 1024 * 1024
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_LONGEST_ASKED_PAUSE_SECONDS = 30.0


class RequestDone(NamedTuple):
    """One request that ended, for metrics. `code` is 0 where no answer came; `seconds` include waiting for a slot."""

    verb: str
    resource: str
    code: int
    seconds: float


Observer = Callable[[RequestDone], None]
Fence = Callable[[], None]


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one cluster's requests: how many in flight, seconds per request and to connect, and tries in all."""

    in_flight: int = 20
    timeout: float = 60.0
    connect_timeout: float = 10.0
    attempts: int = 5


class Call(NamedTuple):
    """One request. `repeatable`: it may be sent again when it broke on the way, without changing what comes out."""

    method: str
    verb: str
    path: str
    resource: str = ""
    what: str = ""
    query: str = ""
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    repeatable: bool = False
    fence: Fence | None = None
    timeout: float = 0.0


class Answer(NamedTuple):
    """What came back of a request that succeeded."""

    code: int
    headers: Mapping[str, str]
    raw: bytes


class Transport:
    """The connection pool of one cluster; tenants take turns. Make it inside the event loop; `close` it at last."""

    def __init__(self, connection: Connection, limits: Limits = Limits(), observer: Observer | None = None) -> None:
        """Take where to connect, the bounds, and who is told of every request."""
        self.connection = connection
        self.limits = limits
        self._observer = observer
        self._slots = FairSlots(limits.in_flight)
        self._session: aiohttp.ClientSession | None = None
        self._ssl: ssl.SSLContext | bool = connection.ssl_context if connection.ssl_context is not None else True
        self._timeout = aiohttp.ClientTimeout(total=limits.timeout, sock_connect=limits.connect_timeout)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                # Watches hold a connection each, so the bound is on requests, not on connections.
                connector=aiohttp.TCPConnector(limit=0, ssl=self._ssl, keepalive_timeout=75.0, ttl_dns_cache=30),
                headers={
                    "User-Agent": USER_AGENT,
                    "Accept-Encoding": "gzip" if self.connection.compress else "identity",
                },
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                trust_env=False,
                read_bufsize=1 << 18,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def note(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Tell the observer of a request."""
        if self._observer is not None:
            self._observer(RequestDone(verb, resource, code, seconds))

    async def send(self, call: Call) -> Answer:
        """Send a request, again where that is safe, and give the answer. Raises `KubeError`."""
        pause = _FIRST_PAUSE_SECONDS
        renewed = False
        for attempt in range(1, self.limits.attempts + 1):
            started = time.monotonic()
            code = 0
            sent = False
            try:
                async with self._slots:
                    if call.fence is not None:
                        call.fence()
                    answer = await self._once(call)
                code = answer.code
                if code < 400:
                    return answer
                sent = True
                failure = error_of(
                    code,
                    answer.raw,
                    what=call.what,
                    retry_after=_retry_after(answer.headers.get("Retry-After")),
                    told=partial(without_values, sent=call.body) if call.resource == RESOURCE else str,
                )
            except aiohttp.ClientConnectorCertificateError as error:
                raise CertificateError(f"the server's certificate is refused: {error}", what=call.what) from error
            except aiohttp.ClientConnectorError as error:
                failure = NoConnection(f"cannot connect: {error}", what=call.what)
                failure.__cause__ = error
            except TimeoutError as error:
                sent = True
                seconds = call.timeout or self.limits.timeout
                failure = Timeout(f"no answer within {seconds:.0f} s", what=call.what)
                failure.__cause__ = error
            except (aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
                sent = True
                failure = _broken(error, call.what)
            finally:
                self.note(call.verb, call.resource, code, time.monotonic() - started)
            if isinstance(failure, Unauthorized) and not renewed and self.connection.credentials.rejected():
                renewed = True
                continue
            if attempt == self.limits.attempts or not _may_repeat(failure, call, sent):
                raise failure
            asked = min(failure.retry_after, _LONGEST_ASKED_PAUSE_SECONDS)
            if isinstance(failure, TooManyRequests) and not asked:
                asked = 1.0
            # Everyone was told the same second: spread the return.
            await asyncio.sleep(max(asked, pause) * random.uniform(1.0, 1.25))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last attempt raises")

    async def _once(self, call: Call) -> Answer:
        headers = CIMultiDict((*(await self.connection.credentials.headers()).items(), *call.headers))
        timeout = (
            aiohttp.ClientTimeout(total=call.timeout, sock_connect=self.limits.connect_timeout)
            if call.timeout
            else self._timeout
        )
        async with self._open().request(
            call.method,
            self._url(call),
            data=call.body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            proxy=self.connection.proxy,
            server_hostname=self.connection.server_hostname,
        ) as response:
            length = response.content_length
            if length is not None and length <= _MAX_ANSWER and "Content-Encoding" not in response.headers:
                raw = await response.read()
            else:
                raw = await _read_bounded(response, call.what)
            if 300 <= response.status < 400:
                raise BadAnswer(f"the server redirects (HTTP {response.status}); it is no API server", what=call.what)
            return Answer(response.status, response.headers, raw)

    def _url(self, call: Call) -> URL:
        text = self.connection.base_url + call.path
        return URL(f"{text}?{call.query}" if call.query else text, encoded=True)

    async def lines(self, call: Call, idle_seconds: float) -> AsyncGenerator[list[bytes], None]:
        """Give the lines of a streamed answer, as many at once as have come; ends when the server ends it.

        The first list is empty: it says that the server has accepted the request.
        Raises `KubeError`; `Timeout` after `idle_seconds` of silence.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self.limits.connect_timeout, sock_read=idle_seconds or None
        )
        started = time.monotonic()
        code = 0
        try:
            headers = CIMultiDict((*(await self.connection.credentials.headers()).items(), *call.headers))
            async with self._open().request(
                call.method,
                self._url(call),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                proxy=self.connection.proxy,
                server_hostname=self.connection.server_hostname,
            ) as response:
                code = response.status
                if code != 200:
                    raw = await _read_bounded(response, call.what)
                    if code == 401:
                        self.connection.credentials.rejected()
                    asked = _retry_after(response.headers.get("Retry-After"))
                    raise error_of(code, raw, what=call.what, retry_after=asked)
                yield []
                rest = b""
                async for chunk in response.content.iter_any():
                    *complete, rest = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
                    if len(rest) > _MAX_LINE:
                        raise BadAnswer(f"one event is larger than {_MAX_LINE} bytes", what=call.what)
                    if complete:
                        yield complete
                if rest:
                    yield [rest]
        except aiohttp.ClientConnectorCertificateError as error:
            raise CertificateError(f"the server's certificate is refused: {error}", what=call.what) from error
        except aiohttp.ClientConnectorError as error:
            raise NoConnection(f"cannot connect: {error}", what=call.what) from error
        except TimeoutError as error:
            raise Timeout(f"nothing heard for {idle_seconds:.0f} s", what=call.what) from error
        except (aiohttp.ClientError, ConnectionError, ssl.SSLError) as error:
            raise _broken(error, call.what) from error
        finally:
            self.note(call.verb, call.resource, code, time.monotonic() - started)


def _broken(error: Exception, what: str) -> KubeError:
    kind = BadAnswer if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError) else Unavailable
    failure = kind(f"the connection broke: {error or type(error).__name__}", what=what)
    failure.__cause__ = error
    return failure


def _may_repeat(failure: KubeError, call: Call, sent: bool) -> bool:
    if not sent:
        return isinstance(failure, Unavailable)
    if isinstance(failure, TooManyRequests):
        # An eviction's 429 is an answer about the pod, not about our pace.
        return not isinstance(failure, EvictionBlocked)
    if isinstance(failure, Unavailable) and failure.code == 503 and failure.retry_after:
        return True
    return call.repeatable and isinstance(failure, Unavailable | Timeout | BadAnswer) and failure.next_step == "retry"


def _retry_after(value: str | None) -> float:
    try:
        return max(0.0, float(value)) if value else 0.0
    except ValueError:
        return 0.0


async def _read_bounded(response: aiohttp.ClientResponse, what: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_ANSWER:
            raise BadAnswer(f"the answer is larger than {_MAX_ANSWER} bytes", what=what)
        parts.append(chunk)
    return b"".join(parts)
