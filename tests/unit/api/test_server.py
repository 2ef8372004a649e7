"""One server for all subjects: addresses, health, which route wins, and connections that ask nothing."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import aiohttp
import pytest

from trueup.api import server
from trueup.api.artifacts import artifact_routes
from trueup.api.health import Role, Standing, health_routes
from trueup.api.server import BadAddress, read_address, serving


class Tarballs:
    """One tarball."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, path: str) -> Path | None:
        return self.path if path == "gitrepository/a/b/c.tar.gz" else None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        (":0", ("127.0.0.1", 0)),
        ("[::1]:8080", ("::1", 8080)),
        ("0.0.0.0:9", ("0.0.0.0", 9)),
    ],
)
def test_addresses_are_read(text: str, read: tuple[str, int]) -> None:
    assert read_address(text) == read


@pytest.mark.parametrize("text", ["", "localhost", "host:port", "host:70000", "1.2.3.4:-1"])
def test_what_is_no_address_says_how_to_write_one(text: str) -> None:
    with pytest.raises(BadAddress, match="HOST:PORT"):
        read_address(text)


async def test_health_and_artifacts_share_one_address(tmp_path: Path) -> None:
    tarball = tmp_path / "c.tar.gz"
    tarball.write_bytes(b"tar")
    now = [Standing(Role.STARTING)]
    routes = [*health_routes(lambda: now[0]), *artifact_routes(Tarballs(tarball))]
    async with serving("127.0.0.1:0", routes) as url, aiohttp.ClientSession(url) as client:

        async def status(path: str) -> int:
            async with client.get(path) as answer:
                return answer.status

        assert await status("/healthz") == 200
        assert await status("/readyz") == 503
        now[0] = Standing(Role.STANDBY, "other-1")
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (200, "standby, leader is other-1\n")
        assert await status("/leaderz") == 503
        now[0] = Standing(Role.LEADER)
        assert (await status("/readyz"), await status("/leaderz")) == (200, 200)
        async with client.get("/gitrepository/a/b/c.tar.gz") as answer:
            assert (answer.status, await answer.read()) == (200, b"tar")
        assert await status("/gitrepository/a/b/other.tar.gz") == 404


async def test_a_connection_that_never_finishes_its_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE", 0.1)
    async with serving("127.0.0.1:0", health_routes(lambda: Standing(Role.LEADER))) as url:
        host, port = read_address(url.removeprefix("http://"))
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        await writer.drain()
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_a_huge_head_is_refused() -> None:
    big = {"X-Big": "x" * (server.HEAD_LIMIT + 1)}
    async with (
        serving("127.0.0.1:0", health_routes(lambda: Standing(Role.LEADER))) as url,
        aiohttp.ClientSession(headers=big) as client,
        client.get(f"{url}/healthz") as answer,
    ):
        assert answer.status == 400
