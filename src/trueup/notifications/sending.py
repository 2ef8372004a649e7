"""Making one HTTP request to a service: bounded in time and size, with the trust and the proxy that its users set.

Errors are told by what helps, and never in the words of the library: those may repeat a URL or a header that is secret.
"""

from __future__ import annotations

import asyncio
import email.utils
import ssl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

ANSWER_LIMIT = 64 * 1024
TIMEOUT = 15.0
LONGEST_TRY = 60.0
LONGEST_WAIT = 600.0


class Refused(Exception):
    """A message did not arrive. `retry`: time alone may help; `after` is the least wait that the service asks for."""

    def __init__(self, message: str, retry: bool = False, after: float = 0.0) -> None:
        super().__init__(message)
        self.retry = retry
        self.after = after


class HttpOptions(msgspec.Struct, frozen=True):
    """How a service is reached: PEM certificates, a proxy and its user, seconds for one try, and what is trusted."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    proxy: str = ""
    proxy_username: str = ""
    proxy_password: str = ""
    timeout: float = TIMEOUT
    verify: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> HttpOptions:
        """Read a service's options."""
        names = ("ca", "certificate", "key", "proxy", "proxy_username", "proxy_password")
        found = {name: str(options.get(name) or "") for name in names}
        seconds = options.get("timeout")
        return cls(
            **found,
            timeout=min(float(seconds), LONGEST_TRY) if isinstance(seconds, int | float) and seconds > 0 else TIMEOUT,
            verify=options.get("insecureSkipVerify") is not True,
        )

    def __repr__(self) -> str:
        """Say nothing of keys and passwords."""
        return f"Way(timeout={self.timeout})"


class Answer(msgspec.Struct, frozen=True):
    """What a service answered: the status, and the beginning of the body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Decode the body; `None` where it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.MsgspecError:
            return None


class Client:
    """Makes requests for all services. Use it as an async context manager."""

    def __init__(self) -> None:
        """Start without a connection."""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        """Open the pool."""
        # A common bound on connections would let those who answer slowly hold up all others; each channel has one
        # request under way, and the courier bounds the channels.
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        way: HttpOptions,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request; redirects are not followed, for headers may be credentials. Raises `Refused`."""
        assert self._session is not None
        if not url.startswith(("http://", "https://")):
            raise Refused("its address does not begin with http:// or https://")
        body = msgspec.json.encode(json) if json is not None else data
        sent = {"Content-Type": "application/json"} if json is not None else {}
        sent.update(headers or {})
        if any(sign in value for value in sent.values() for sign in "\r\n\0"):
            raise Refused("a header holds a line break; write the Secret without one (`echo -n`)")
        auth = aiohttp.BasicAuth(way.proxy_username, way.proxy_password) if way.proxy_username else None
        try:
            context = await asyncio.to_thread(_context, way)
            async with self._session.request(
                method,
                url,
                data=body,
                headers=sent,
                allow_redirects=False,
                ssl=context,
                proxy=way.proxy or None,
                proxy_auth=auth,
                timeout=aiohttp.ClientTimeout(total=way.timeout),
            ) as answer:
                text = await answer.content.read(ANSWER_LIMIT)
                return _judged(answer.status, text, answer.headers)
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLError):
            raise Refused("its certificate is not trusted; put its authority into certSecretRef") from None
        except aiohttp.InvalidURL:
            raise Refused("its address is no URL") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Refused(f"it could not be reached ({type(error).__name__})", retry=True) from None


def _judged(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    if 200 <= status < 300:
        return Answer(status, body)
    retry = status >= 500 or status in (408, 425, 429)
    raise Refused(f"it answered {status}", retry, _wait(headers.get("Retry-After", "")) if retry else 0.0)


def _wait(text: str) -> float:
    """Read a Retry-After header: seconds, or a date."""
    try:
        return min(max(float(text), 0.0), LONGEST_WAIT)
    except ValueError:
        pass
    try:
        return min(max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0.0), LONGEST_WAIT)
    except (TypeError, ValueError):
        return 0.0


def _context(way: HttpOptions) -> ssl.SSLContext | bool:
    if not way.verify:
        return False
    if not way.ca and not way.certificate:
        return True
    context = ssl.create_default_context(cadata=way.ca or None)
    if way.certificate:
        # The library takes certificates from files alone.
        with tempfile.TemporaryDirectory(prefix="trueup-notify-") as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{way.certificate}\n{way.key}\n")
            context.load_cert_chain(pair)
    return context
