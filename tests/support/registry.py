"""A real registry for tests (distribution's, with login and TLS), a push to it, and a server before it that misbehaves.

The program is built from its Go module once, into the user's cache; TRUEUP_TEST_REGISTRY names another. It takes
minutes, so `make test` does it beforehand (`python -m support.registry`).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import socket
import ssl
import subprocess
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from support.programs import GoProgram, build_beforehand, built
from trueup.devtools.localcluster.certificates import Authority

VERSION = "v3.0.0"
PACKAGE = "github.com/distribution/distribution/v3"
USER, PASSWORD = "puller", "pull-secret-7"
_HTPASSWD = f"{USER}:$2b$04$L3/UjsFXkczQ085FKrjbGeaMZv2b/jRbK3CY8HIvMw9pF32I1NIZq\n"
FLUX_LAYER = "application/vnd.cncf.flux.content.v1.tar+gzip"
ARGO_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PROGRAM = GoProgram("registry", f"{PACKAGE}/cmd/registry", VERSION, VERSION)


class Pushed(NamedTuple):
    """What was pushed: its digest and size in bytes."""

    digest: str
    size: int


class Registry:
    """A registry at `host`, whose certificate `ca` has signed."""

    def __init__(self, port: int, ca: str) -> None:
        self.host = f"localhost:{port}"
        self.ca = ca

    async def push(
        self,
        name: str,
        tag: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        layer: bytes | None = None,
        media_type: str = FLUX_LAYER,
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Push an artifact of one layer, and give its digest."""
        blob = layer if layer is not None else tarball(files or {})
        made = await self.push_manifest(name, tag, [(media_type, blob, {})], annotations=annotations or {})
        return made.digest

    async def push_manifest(
        self,
        name: str,
        tag: str,
        layers: Sequence[tuple[str, bytes, Mapping[str, str]]],
        *,
        annotations: Mapping[str, str] | None = None,
        kind: str = "",
        subject: str = "",
    ) -> Pushed:
        """Push layers (type, content, annotations) and their manifest: at a tag, or at its digest alone.

        `kind` is its artifact type, `subject` the digest that it refers to.
        """
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor("application/vnd.cncf.flux.config.v1+json", b"{}"),
            "layers": [
                _descriptor(media_type, content) | ({"annotations": dict(told)} if told else {})
                for media_type, content, told in layers
            ],
            "annotations": dict(annotations or {}),
        }
        if kind:
            manifest["artifactType"] = kind
        if subject:
            manifest["subject"] = {"mediaType": MANIFEST, "digest": subject, "size": 1}
        return await self._put(name, tag, manifest, [b"{}", *(content for _, content, _ in layers)])

    async def push_index(self, name: str, tag: str, manifests: Sequence[Mapping[str, Any]]) -> Pushed:
        """Push an index of manifests that are there already."""
        media_type = "application/vnd.oci.image.index.v1+json"
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(manifests)}
        return await self._put(name, tag, index, [])

    async def _put(self, name: str, tag: str, manifest: Mapping[str, Any], blobs: Sequence[bytes]) -> Pushed:
        raw = json.dumps(manifest).encode()
        pushed = Pushed(f"sha256:{hashlib.sha256(raw).hexdigest()}", len(raw))
        context = ssl.create_default_context(cadata=self.ca)
        headers = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(f"https://{self.host}", headers=headers, connector=connector) as session:
            for content in blobs:
                async with session.post(f"/v2/{name}/blobs/uploads/") as begun:
                    assert begun.status == 202, await begun.text()
                    place = begun.headers["Location"]
                digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
                url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
                async with session.put(url, data=content) as put:
                    assert put.status == 201, await put.text()
            told = {"Content-Type": str(manifest["mediaType"])}
            url = f"/v2/{name}/manifests/{tag or pushed.digest}"
            async with session.put(url, data=raw, headers=told) as put:
                assert put.status == 201, await put.text()
        return pushed


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def tarball(files: Mapping[str, str | bytes], *others: tarfile.TarInfo) -> bytes:
    """Pack files, and entries of other kinds."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            content = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in others:
            tar.addfile(info)
    return gzip.compress(raw.getvalue(), mtime=0)


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Give an entry that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[Registry]:
    """Run a registry."""
    executable = await asyncio.to_thread(built, PROGRAM)
    (folder / "pki").mkdir(parents=True, exist_ok=True)
    authority = Authority(folder / "pki", "test-ca")
    pair = authority.server("registry", "registry", ["localhost", "127.0.0.1"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "htpasswd").write_text(_HTPASSWD)
    settings = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "secret": "a",
            "tls": {"certificate": str(pair.certificate), "key": str(pair.key)},
        },
    }
    (folder / "config.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [executable, "serve", str(folder / "config.json")],
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
            stdout=log,
            stderr=log,
        )
    try:
        async with asyncio.timeout(60):
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield Registry(port, (folder / "pki" / "test-ca.crt").read_text())
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


class Front:
    """A server before a registry, without TLS: it passes everything on, counts, and misbehaves where it is told to.

    `stop_blobs`: a blob ends in the middle. `lead_blobs`: they are said to be at this URL. `asked` are method and path
    of all requests, `authorizations` what came with them.
    """

    def __init__(self, behind: Registry) -> None:
        self._behind = behind
        self.host = ""
        self.stop_blobs = False
        self.lead_blobs = ""
        self.down = False
        self.asked: list[tuple[str, str]] = []
        self.authorizations: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on."""
        self.asked.append((request.method, request.path))
        self.authorizations.append(request.headers.get("Authorization", ""))
        if self.down:
            raise web.HTTPServiceUnavailable
        blob = "/blobs/" in request.path
        if blob and self.lead_blobs:
            raise web.HTTPTemporaryRedirect(self.lead_blobs)
        context = ssl.create_default_context(cadata=self._behind.ca)
        kept = {key: value for key, value in request.headers.items() if key in ("Authorization", "Accept")}
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
            session.request(
                request.method, f"https://{self._behind.host}{request.path_qs}", headers=kept, allow_redirects=False
            ) as told,
        ):
            content = await told.read()
            names = ("Content-Type", "Docker-Content-Digest", "WWW-Authenticate", "Link", "Location")
            headers = {name: told.headers[name] for name in names if name in told.headers}
            if request.method == "HEAD":
                return web.Response(status=told.status, headers=headers)
            if blob and self.stop_blobs and told.status == 200:
                response = web.StreamResponse(headers={**headers, "Content-Length": str(len(content))})
                await response.prepare(request)
                await response.write(content[: len(content) // 2])
                assert request.transport is not None
                request.transport.close()
                return response
            return web.Response(status=told.status, headers=headers, body=content)


@asynccontextmanager
async def front(behind: Registry) -> AsyncIterator[Front]:
    """Run a server before a registry."""
    made = Front(behind)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    made.host = f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield made
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    build_beforehand(PROGRAM)
