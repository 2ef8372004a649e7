"""Each kind of source keeps the contract that the engine relies on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from support.archives import ArchiveProvider, ArchiveSpec
from support.buckets import REGION, Buckets, Front, buckets, front
from support.providers import ProviderContract, packed
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.repository.bucket import BucketSpec
from trueup.devtools.gitserver import GitServer, Repository
from trueup.sources.bucket import BucketProvider, BucketSource
from trueup.sources.cache import Cache
from trueup.sources.git import GitProvider, GitSettings, GitSource


class GitKit:
    def __init__(self, server: GitServer, repository: Repository, git: GitSource) -> None:
        self.server = server
        self.repository = repository
        self.provider = GitProvider(git)
        self.spec = GitSpec(server.url_of(repository), GitRef(branch="main"), timeout=5.0)
        self._files: set[str] = set()

    def publish(self, files: Mapping[str, str]) -> None:
        gone = dict.fromkeys(self._files - set(files))
        self.repository.commit({**gone, **files}, "change")
        self._files = set(files)

    async def disappear(self) -> None:
        await self.server.__aexit__(None, None, None)


class TestGit(ProviderContract):
    @pytest.fixture
    async def kit(self, tmp_path: Path) -> AsyncIterator[GitKit]:
        repository = Repository.create(tmp_path / "git" / "team" / "repo.git")
        async with (
            GitServer(tmp_path / "git") as server,
            GitSource(GitSettings(cache=tmp_path / "cache", poll_window=0.0)) as git,
        ):
            yield GitKit(server, repository, git)


class BucketKit:
    def __init__(self, server: Buckets, before: Front, stop: Callable[[], Awaitable[None]], cache: Cache) -> None:
        self.server = server
        self.stop = stop
        self.provider = BucketProvider(BucketSource(cache))
        url = f"http://{before.host}/team"
        self.spec = BucketSpec(url, endpoint=before.host, bucket="team", region=REGION, insecure=True, timeout=5.0)
        self._files: set[str] = set()

    def publish(self, files: Mapping[str, str]) -> None:
        self.server.write("team", {**dict.fromkeys(self._files - set(files)), **files})
        self._files = set(files)

    async def disappear(self) -> None:
        await self.stop()


class TestBucket(ProviderContract):
    @pytest.fixture
    async def kit(self, tmp_path: Path) -> AsyncIterator[BucketKit]:
        async with AsyncExitStack() as stack, buckets(tmp_path / "server", public=True) as server:
            before = await stack.enter_async_context(front(server.host))
            await server.make("team")
            cache = Cache(GitSettings(cache=tmp_path / "cache", poll_window=0.0))
            await cache.start()
            yield BucketKit(server, before, stack.aclose, cache)


class ArchiveKit:
    def __init__(self, runner: web.AppRunner, cache: Path) -> None:
        self.runner = runner
        self.provider = ArchiveProvider(cache)
        self.spec = ArchiveSpec(f"http://127.0.0.1:{runner.addresses[0][1]}/a.tar.gz")
        self.content = b""

    def publish(self, files: Mapping[str, str]) -> None:
        self.content = packed(files)

    async def disappear(self) -> None:
        await self.runner.cleanup()


class TestArchive(ProviderContract):
    @pytest.fixture
    async def kit(self, tmp_path: Path) -> AsyncIterator[ArchiveKit]:
        made: list[ArchiveKit] = []

        async def answer(request: web.Request) -> web.Response:
            await asyncio.sleep(0)
            return web.Response(body=made[0].content)

        app = web.Application()
        app.router.add_get("/a.tar.gz", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.append(ArchiveKit(runner, tmp_path / "cache"))
        yield made[0]
        await runner.cleanup()
