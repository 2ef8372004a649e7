"""An API server that misbehaves on demand: a proxy in front of a real one, for the controller alone.

What a test asks for is a list of `Fault`s, each with the requests that it is about; all else is passed on unchanged.
Watches that are open already are broken by `interrupt`. Whoever tests speaks to the real server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import yaml
from aiohttp import web

from trueup.devtools.localcluster.certificates import Authority
from trueup.kube.config.connect import default_connection

_HOPS = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding"}

_PATIENCE = 120.0


class Seen(NamedTuple):
    """A request, told apart as tests need it: `verb` is get, list, watch, create, update, patch or delete."""

    verb: str
    plural: str
    name: str
    dry_run: bool = False

    @classmethod
    def of(cls, request: web.BaseRequest) -> Seen:
        """Read a request's path as the API server does."""
        parts = request.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if len(parts) > 2 and parts[0] == "namespaces":
            parts = parts[2:]
        plural, name = (*parts, "", "")[:2]
        verb = {"GET": "get" if name else "list", "POST": "create", "PUT": "update"}.get(request.method, "")
        if request.query.get("watch"):
            verb = "watch"
        return cls(verb or request.method.lower(), plural, name, "dryRun" in request.query)


class Fault(msgspec.Struct):
    """What becomes of some requests: refused with `code`, cut in the midst of the answer, or `delay`ed (in seconds).

    It is about `plural` and one of `verbs`, and lasts for `times` requests, or until it is taken away.
    """

    plural: str
    verbs: tuple[str, ...]
    code: int = 0
    reason: str = ""
    retry_after: int = 0
    cut: bool = False
    delay: float = 0.0
    times: int = -1
    met: int = 0

    def meets(self, seen: Seen) -> bool:
        """Say whether it is about this request, and count it then."""
        if seen.plural != self.plural or seen.verb not in self.verbs or self.met == self.times:
            return False
        self.met += 1
        return True


class _Watch:
    """A watch that is open: what is to be sent in place of the next event before the connection breaks."""

    def __init__(self, seen: Seen, request: web.BaseRequest, response: web.StreamResponse) -> None:
        self.seen = seen
        self.half = False
        self._request = request
        self._response = response

    @property
    def open(self) -> bool:
        """Whether somebody still listens: a pump learns of a broken connection only with the next event."""
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    async def pump(self, content: aiohttp.StreamReader) -> None:
        async for chunk in content.iter_any():
            if self.half:
                await self._response.write(chunk[: len(chunk) // 2])
                self.abort()
                return
            await self._response.write(chunk)

    async def say(self, line: bytes) -> None:
        await self._response.write(line)
        self.abort()

    def abort(self) -> None:
        transport = self._request.transport
        if transport is not None:
            # What was written goes out before the connection is closed; then nothing says that the answer was whole.
            transport.close()


class FaultyServer:
    """The proxy. `kubeconfig` leads to it; `faults` may be changed at any time; `seen` has all requests, in order."""

    def __init__(self, kubeconfig: Path) -> None:
        """Take where the file is written that leads here."""
        self.kubeconfig = kubeconfig
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._watches: set[_Watch] = set()

    def writes(self, plural: str) -> list[Seen]:
        """Give the requests so far that would have changed objects of a kind."""
        reads = ("get", "list", "watch")
        return [seen for seen in self.seen if seen.plural == plural and seen.verb not in reads and not seen.dry_run]

    def count(self, verb: str, plural: str) -> int:
        """Say how many requests of this kind have come."""
        return sum(1 for seen in self.seen if (seen.verb, seen.plural) == (verb, plural))

    @asynccontextmanager
    async def failing(self, *faults: Fault) -> AsyncIterator[None]:
        """Have these faults for a while."""
        self.faults = list(faults)
        try:
            yield
        finally:
            self.faults = []

    async def interrupt(self, plural: str, line: bytes = b"", *, half: bool = False) -> None:
        """Break the open watches of a kind: now, after a last line, or in the midst of the next event.

        Waits until there is one: who was cut off before may be about to come back.
        """
        async with asyncio.timeout(_PATIENCE):
            while not (found := self._open(plural)):
                await asyncio.sleep(0.02)
        for watch in found:
            watch.half = half
            if not half:
                await watch.say(line)

    def _open(self, plural: str) -> list[_Watch]:
        return [watch for watch in self._watches if watch.seen.plural == plural and watch.open]

    async def answer(self, request: web.BaseRequest, session: aiohttp.ClientSession, base: str) -> web.StreamResponse:
        """Pass a request on, or do to it what a fault says."""
        seen = Seen.of(request)
        self.seen.append(seen)
        fault = next((fault for fault in self.faults if fault.meets(seen)), None)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.code:
            return _refusal(fault)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
        async with session.request(
            request.method,
            base + request.path_qs,
            data=await request.read() or None,
            headers=headers,
            allow_redirects=False,
        ) as upstream:
            response = web.StreamResponse(status=upstream.status)
            for name, value in upstream.headers.items():
                if name.lower() not in _HOPS:
                    response.headers[name] = value
            if seen.verb != "watch" or upstream.status != 200:
                body = await upstream.read()
                response.content_length = len(body)
                await response.prepare(request)
                if fault is not None and fault.cut:
                    await response.write(body[: len(body) // 2])
                    assert request.transport is not None
                    request.transport.close()
                    return response
                await response.write(body)
                return response
            await response.prepare(request)
            watch = _Watch(seen, request, response)
            self._watches.add(watch)
            try:
                await watch.pump(upstream.content)
            finally:
                self._watches.discard(watch)
            return response


def expired() -> bytes:
    """Give the event by which a watch says that its resourceVersion is too old."""
    return json.dumps({"type": "ERROR", "object": _status(410, "Expired")}).encode() + b"\n"


def _status(code: int, reason: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": f"injected: {reason}",
    }


def _refusal(fault: Fault) -> web.Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    return web.json_response(_status(fault.code, fault.reason), status=fault.code, headers=headers)


@asynccontextmanager
async def faulty(cluster: Path, folder: Path) -> AsyncIterator[FaultyServer]:
    """Give a proxy in front of the API server that the kubeconfig `cluster` names; it acts as its user."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(folder, "proxy")
    pair = authority.server("proxy-server", "proxy", ["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    connection = default_connection(str(cluster))
    assert connection.ssl_context is not None
    made = FaultyServer(folder / "kubeconfig")
    connector = aiohttp.TCPConnector(limit=0, ssl=connection.ssl_context)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=_NO_END) as session:

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            with contextlib.suppress(ConnectionError):
                return await made.answer(request, session, connection.base_url)
            return web.Response(status=502)

        runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            port = runner.addresses[0][1]
            made.kubeconfig.write_text(_kubeconfig(f"https://127.0.0.1:{port}", authority.files.certificate))
            yield made
        finally:
            await runner.cleanup()


_NO_END = aiohttp.ClientTimeout(total=None)


def _kubeconfig(server: str, certificate: Path) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "faulty", "cluster": {"server": server, "certificate-authority": str(certificate)}}],
            "users": [{"name": "anyone", "user": {}}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "anyone"}}],
            "current-context": "faulty",
        }
    )
