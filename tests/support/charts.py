"""A Helm repository for tests: charts that are packed here, and a server over TLS with a login that can misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from support.registry import PASSWORD, USER, tarball
from trueup.devtools.localcluster import certificates
from trueup.devtools.localcluster.certificates import Authority


def chart(name: str, version: str, files: Mapping[str, str | bytes] | None = None, **more: Any) -> bytes:
    """Pack a chart; `more` goes into its Chart.yaml."""
    about = {"apiVersion": "v2", "name": name, "version": version, **more}
    given: dict[str, str | bytes] = {"Chart.yaml": yaml.safe_dump(about), "values.yaml": "{}\n", **(files or {})}
    return tarball({f"{name}/{path}": content for path, content in given.items()})


def config_chart(name: str, version: str, **more: Any) -> bytes:
    """Pack a chart of one ConfigMap that shows its values, its version and its release."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data:\n  value: {{ .Values.value | quote }}\n  version: {{ .Chart.Version | quote }}\n"
    )
    files = {"templates/map.yaml": template, "values.yaml": "value: own\n", "prod.yaml": "value: production\n"}
    return chart(name, version, files, **more)


class Charts:
    """A repository below `url`, whose certificate `ca` has signed. What is asked is in `asked`, by path."""

    def __init__(self, login: bool) -> None:
        self.url = self.ca = ""
        self.login = login
        self.archives: dict[str, bytes] = {}
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.index: bytes | None = None
        self.lead: dict[str, str] = {}
        self.stop: set[str] = set()
        self.endless: set[str] = set()
        self.silent: set[str] = set()
        self.down = False
        self.etag = True
        self.asked: list[tuple[str, int]] = []
        self.authorizations: list[str] = []

    def add(self, name: str, version: str, archive: bytes, **entry: Any) -> str:
        """Put an archive into the repository and its index, and give its digest."""
        digest = hashlib.sha256(archive).hexdigest()
        path = f"charts/{name}-{version}.tgz"
        self.archives[path] = archive
        told = {"name": name, "version": version, "digest": digest, "urls": [path], "created": "2026-01-01T00:00:00Z"}
        others = [one for one in self.entries.get(name, []) if one["version"] != version]
        self.entries[name] = [{**told, **entry}, *others]
        return digest

    def content(self) -> bytes:
        """Give the index."""
        if self.index is not None:
            return self.index
        return yaml.safe_dump({"apiVersion": "v1", "entries": self.entries}).encode()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        path = request.path.removeprefix("/stable/")
        found = await self._answer(request, path)
        self.asked.append((path, found.status))
        return found

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        self.authorizations.append(given)
        if self.down:
            return web.Response(status=503)
        if self.login and given != aiohttp.encode_basic_auth(USER, PASSWORD):
            return web.Response(status=401, text="who are you?")
        if path in self.lead:
            return web.Response(status=302, headers={"Location": self.lead[path]})
        if path in self.silent:
            await asyncio.Event().wait()
        if path in self.endless:
            return await self._endless(request)
        content = self.content() if path == "index.yaml" else self.archives.get(path)
        if content is None:
            return web.Response(status=404, text="no such file")
        mark = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"ETag": mark} if self.etag else {}
        if request.headers.get("If-None-Match") == mark:
            return web.Response(status=304, headers=headers)
        if path in self.stop:
            response = web.StreamResponse(headers={"Content-Length": str(len(content))})
            await response.prepare(request)
            await response.write(content[: len(content) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(body=content, headers=headers)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"# nothing\n" * 100_000)
        except ConnectionError:
            return response


@asynccontextmanager
async def charts(
    folder: Path, *, login: bool = True, expired: bool = False, clients: bool = False
) -> AsyncIterator[Charts]:
    """Run a repository at `https://localhost:PORT/stable`; `clients` must bring a certificate of its authority."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority(folder, "charts-ca")
    life, name = certificates.LEAF_LIFE, "expired" if expired else "charts"
    certificates.LEAF_LIFE = timedelta(minutes=-30) if expired else life
    try:
        pair = authority.server(name, name, ["localhost", "127.0.0.1"])
    finally:
        certificates.LEAF_LIFE = life
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.files.certificate)
    made = Charts(login)
    made.ca = (folder / "charts-ca.crt").read_text()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    assert site._server is not None
    made.url = f"https://localhost:{site._server.sockets[0].getsockname()[1]}/stable"  # type: ignore[attr-defined]
    try:
        yield made
    finally:
        await runner.cleanup()
