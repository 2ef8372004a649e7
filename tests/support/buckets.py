"""A real server of buckets for tests (moto's, keys checked, and TLS), and one before it that misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import boto3
from aiohttp import web
from botocore.config import Config
from yarl import URL

from trueup.devtools.localcluster.certificates import Authority

REGION = "eu-west-1"


class Buckets:
    """A server at `host`; `access_key` and `secret_key` let in. `ca` has signed its certificate where it has one."""

    def __init__(self, host: str, ca: Path | None, access_key: str, secret_key: str, acl: str) -> None:
        self._acl = acl
        self.host, self.access_key, self.secret_key = host, access_key, secret_key
        self.ca = ca.read_text() if ca else ""
        self._client = _client("s3", host, ca, access_key, secret_key)

    async def make(self, bucket: str) -> None:
        """Make a bucket."""
        place = {"LocationConstraint": REGION}
        await asyncio.to_thread(self._client.create_bucket, Bucket=bucket, CreateBucketConfiguration=place)

    async def put(self, bucket: str, files: Mapping[str, str | bytes | None]) -> None:
        """Write objects; `None` removes one."""
        await asyncio.to_thread(self.write, bucket, files)

    def write(self, bucket: str, files: Mapping[str, str | bytes | None]) -> None:
        """Write objects as `put` does (blocking)."""
        for key, content in files.items():
            if content is None:
                self._client.delete_object(Bucket=bucket, Key=key)
            else:
                self._client.put_object(Bucket=bucket, Key=key, Body=content, ACL=self._acl)


def _client(service: str, host: str, ca: Path | None, access_key: str, secret_key: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"{'https' if ca else 'http'}://{host}",
        region_name=REGION,
        verify=str(ca) if ca else None,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _let_in(host: str, ca: Path | None) -> tuple[str, str]:
    """Make a user who may do everything, and give the keys (blocking). Whatever comes later is checked."""
    iam = _client("iam", host, ca, "anybody", "anything")
    iam.create_user(UserName="reader")
    keys = iam.create_access_key(UserName="reader")["AccessKey"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(allowed))
    return keys["AccessKeyId"], keys["SecretAccessKey"]


@asynccontextmanager
async def buckets(folder: Path, tls: bool = False, public: bool = False) -> AsyncIterator[Buckets]:
    """Run a server; a public one lets everybody in."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    ca = None
    if tls:
        pair = Authority(folder, "test-ca").server("buckets", "buckets", ["localhost", "127.0.0.1"])
        command += ["-s", "-c", str(pair.certificate), "-k", str(pair.key)]
        ca = folder / "test-ca.crt"
    environment = {"PATH": os.environ["PATH"]} | ({} if public else {"INITIAL_NO_AUTH_ACTION_COUNT": "3"})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
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
        host = f"localhost:{port}"
        acl = "public-read" if public else "private"
        yield Buckets(host, ca, *await asyncio.to_thread(_let_in, host, ca), acl)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


Answer = Callable[[web.Request], web.StreamResponse | None]


class Front:
    """A server before one of buckets: it passes all on, counts, and answers by itself where `instead` gives an answer.

    `asked` are the paths with their queries. `stop` ends an object in the middle. `during` is called before an object
    is passed on. What is passed on keeps the name that it is signed for.
    """

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self.host = ""
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        self.instead: Answer | None = None
        self.stop = False
        self.down = False
        self.during: Callable[[str], Any] | None = None

    def fresh(self) -> None:
        """Behave again, and forget what was asked."""
        self.instead, self.stop, self.down, self.during = None, False, False, None
        self.asked.clear()
        self.authorizations.clear()

    @property
    def objects(self) -> list[str]:
        """The paths of objects that were asked for."""
        return [path for path in self.asked if "?" not in path and not path.endswith("/.sourceignore")]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on."""
        self.asked.append(request.path_qs)
        self.authorizations.append(request.headers.get("Authorization", ""))
        if self.down:
            raise web.HTTPServiceUnavailable
        own = self.instead(request) if self.instead else None
        if own is not None:
            return own
        if self.during is not None and "?" not in request.path_qs:
            await self.during(request.path)
        headers = {
            key: value
            for key, value in request.headers.items()
            if key in ("Host", "Authorization", "X-Amz-Date", "X-Amz-Content-SHA256")
        }
        url = f"http://{self._behind}{request.raw_path}"
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(request.method, URL(url, encoded=True), headers=headers) as told,
        ):
            content = await told.read()
            names = ("Content-Type", "ETag")
            kept = {name: told.headers[name] for name in names if name in told.headers}
            if self.stop and "?" not in request.path_qs and told.status == 200:
                response = web.StreamResponse(headers={**kept, "Content-Length": str(len(content))})
                await response.prepare(request)
                await response.write(content[: len(content) // 2])
                assert request.transport is not None
                request.transport.close()
                return response
            return web.Response(status=told.status, headers=kept, body=content)


@asynccontextmanager
async def front(behind: str) -> AsyncIterator[Front]:
    """Run a server before one of buckets, which speaks HTTP."""
    made = Front(behind)
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
