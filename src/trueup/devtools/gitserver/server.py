"""Serving a folder of bare repositories over smart HTTP: each request is one run of `git http-backend` (CGI)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import os
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from trueup.devtools.gitserver.faults import Faults, Requests
from trueup.devtools.gitserver.repository import Repository

_CHUNK = 64 * 1024
_LONGEST_HEADERS = 64 * 1024


class GitServer:
    """A Git server for all repositories under `root`, to clone, fetch and push; an async context manager.

    `port` 0 takes a free one. `users` maps names to passwords, `tokens` are accepted bearer tokens; with either,
    every request needs one. `tls` makes it HTTPS. `faults` and `requests` let tests misbehave and count.
    """

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        users: Mapping[str, str] | None = None,
        tokens: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.root = root.resolve()
        self.host = host
        self.port = port
        self.faults = Faults()
        self.requests = Requests()
        self._users = dict(users or {})
        self._tokens = tokens
        self._tls = tls
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.5, auto_decompress=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end the requests under way."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def url_of(self, repository: Repository | Path) -> str:
        """The clone URL of a repository below the root."""
        path = repository.path if isinstance(repository, Repository) else repository
        return f"{self.url}/{path.resolve().relative_to(self.root).as_posix()}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.seen.append(f"{request.method} {request.path_qs}")
        faults = self.faults
        if not faults.only or request.path.endswith(faults.only):
            if faults.delay:
                await asyncio.sleep(faults.delay)
            if faults.down:
                return _cut(request)
            if faults.status:
                return web.Response(status=faults.status, text="out of order\n")
            if faults.redirect:
                raise web.HTTPFound(faults.redirect + request.path_qs)
        else:
            faults = Faults()
        if not self._allowed(request):
            return web.Response(status=401, text="who are you?\n", headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await self._backend(request, faults)

    def _allowed(self, request: web.Request) -> bool:
        if not self._users and not self._tokens:
            return True
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return any(hmac.compare_digest(value.encode(), token.encode()) for token in self._tokens)
        try:
            name, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return False
        return name in self._users and hmac.compare_digest(self._users[name].encode(), password.encode())

    async def _backend(self, request: web.Request, faults: Faults) -> web.StreamResponse:
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=self._environment(request),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_HEADERS,
            start_new_session=True,
        )
        feeding = asyncio.create_task(_feed(request, process))
        try:
            return await self._answer(request, process, faults)
        except ConnectionError:
            return _cut(request)  # the client has gone
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})
            await _end(process)

    async def _answer(
        self, request: web.Request, process: asyncio.subprocess.Process, faults: Faults
    ) -> web.StreamResponse:
        assert process.stdout is not None
        try:
            head = await process.stdout.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return web.Response(status=500, text="git http-backend gave no answer\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").strip().split("\r\n"))
        status = int(headers.pop("Status", "200").split(" ", 1)[0])
        if faults.garbage is not None:
            return web.Response(status=status, body=faults.garbage, headers=headers)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        sent = 0
        while chunk := await process.stdout.read(_CHUNK):
            for limit, hang in ((faults.hang_after, True), (faults.cut_after, False)):
                if 0 <= limit < sent + len(chunk):
                    await response.write(chunk[: limit - sent])
                    if hang:
                        await asyncio.Event().wait()
                    return _cut(request, response)
            sent += len(chunk)
            await response.write(chunk)
        await response.write_eof()
        return response

    def _environment(self, request: web.Request) -> dict[str, str]:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "REMOTE_ADDR": request.remote or "",
            "REMOTE_USER": "git",
        }
        for header, variable in (("Git-Protocol", "GIT_PROTOCOL"), ("Content-Encoding", "HTTP_CONTENT_ENCODING")):
            if value := request.headers.get(header):
                environment[variable] = value
        if request.content_length is not None:
            environment["CONTENT_LENGTH"] = str(request.content_length)
        return environment


async def _feed(request: web.Request, process: asyncio.subprocess.Process) -> None:
    """Hand the request's body on; the backend may end before it has read all of it."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        async for chunk in request.content.iter_chunked(_CHUNK):
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Take leave of a backend that has answered, or stop one whose client has gone."""
    assert process.stdout is not None
    if not process.stdout.at_eof():
        # Not process.kill(): it polls, and so may take the exit status away from asyncio's own watcher.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _cut(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()
