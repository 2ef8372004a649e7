"""The wall of remotes: whatever a server sends, and however slowly, costs only those who follow it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from support.e2e import KUSTOMIZATION, REPOSITORY, World, kustomization, ready, repository
from trueup.core.model.artifact import Fault, IgnoreRules, SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.git.settings import GitSettings, Limits
from trueup.sources.artifacts import ArtifactStore
from trueup.sources.git.repositories import GitSource

MEGABYTE = 1024 * 1024
SHA = "1" * 40
_SOURCE = ObjectRef(*REPOSITORY, "team", "zeros")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def packet(line: bytes) -> bytes:
    """Write a line as Git's protocol has it."""
    return f"{len(line) + 4:04x}".encode() + line


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """Serve every path by one handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def refs_without_end(size: int, written: list[int]) -> Handler:
    """Advertise so many bytes of refs that all end in the branch that is asked for."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
        await response.prepare(request)
        await response.write(packet(b"# service=git-upload-pack\n") + b"0000")
        with contextlib.suppress(ConnectionError):
            await response.write(packet(f"{SHA} HEAD\0symref=HEAD:refs/heads/main\n".encode()))
            number = 0
            while written[0] < size:
                lines = b"".join(
                    packet(f"{SHA} refs/heads/{number + n}/{'x' * 120}/refs/heads/main\n".encode()) for n in range(2000)
                )
                number += 2000
                written[0] += len(lines)
                await response.write(lines)
            await response.write(b"0000")
        return response

    return answer


async def highest_of_git(stop: asyncio.Event) -> int:
    """Give the most memory that any Git process of ours held meanwhile, in bytes."""
    highest = 0
    while not stop.is_set():
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                text = status.read_text()
                if text.startswith("Name:\tgit") and "VmHWM" in text:
                    highest = max(highest, int(text.split("VmHWM:")[1].split()[0]) * 1024)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await stop.wait()
    return highest


async def test_advertises_refs_without_end(tmp_path: Path) -> None:
    written = [0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    stop = asyncio.Event()
    watching = asyncio.create_task(highest_of_git(stop))
    async with (
        server(refs_without_end(600 * MEGABYTE, written)) as url,
        GitSource(GitSettings(cache=tmp_path / "cache")) as source,
    ):
        with pytest.raises(SourceError) as caught:
            await source.poll(GitSpec(f"{url}/x.git", GitRef(branch="main"), timeout=120.0), None)
    stop.set()
    assert caught.value.fault is Fault.TOO_LARGE, caught.value
    assert await watching < 700 * MEGABYTE, "Git itself is bounded"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < 250 * MEGABYTE


async def test_sends_a_larger_list_than_is_read(tmp_path: Path) -> None:
    settings = GitSettings(cache=tmp_path / "cache", limits=Limits(refs=MEGABYTE))
    async with server(refs_without_end(20 * MEGABYTE, [0])) as url, GitSource(settings) as source:
        with pytest.raises(SourceError, match="too large") as caught:
            await source.poll(GitSpec(f"{url}/x.git", GitRef(branch="main")), None)
    assert caught.value.stalled


async def test_holds_more_than_one_fetch_may_write(tmp_path: Path, world: World) -> None:
    made = world.repository("team/heavy", {"app/blob": os.urandom(3 * MEGABYTE)})
    settings = GitSettings(cache=tmp_path / "cache", limits=Limits(pack=MEGABYTE))
    async with GitSource(settings) as source:
        spec = GitSpec(f"{world.server.url}/team/heavy", GitRef(branch="main"))
        revision = await source.poll(spec, None)
        assert revision.id == made.head()
        with pytest.raises(SourceError) as caught:
            await source.fetch(spec, revision, None, IgnoreRules())
    assert caught.value.fault is Fault.TOO_LARGE, caught.value
    written = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert written < 2 * MEGABYTE


async def test_holds_far_more_than_it_weighs(tmp_path: Path, world: World) -> None:
    """A repository of less than a megabyte, with 400 MB of zeros in it."""
    made = world.repository("team/zeros", {f"app/zeros-{number}": bytes(100 * MEGABYTE) for number in range(4)})
    async with GitSource(GitSettings(cache=tmp_path / "cache")) as source:
        spec = GitSpec(f"{world.server.url}/team/zeros", GitRef(branch="main"))
        Path("/proc/self/clear_refs").write_text("5")
        before = highest_so_far()
        resolved = await source.resolve(spec, None, IgnoreRules())
        async with source.checkout(resolved) as held:
            assert (held.path / "app" / "zeros-3").stat().st_size == 100 * MEGABYTE
            packed = await ArtifactStore(tmp_path / "store", "http://x").put(_SOURCE, resolved, held.path)
        assert packed.size < 2 * MEGABYTE and resolved.revision.id == made.head()
        assert highest_so_far() - before < 60 * MEGABYTE
        settings = GitSettings(cache=tmp_path / "smaller", limits=Limits(tree=300 * MEGABYTE))
    async with GitSource(settings) as source:
        with pytest.raises(SourceError) as caught:
            await source.resolve(spec, None, IgnoreRules())
    assert caught.value.fault is Fault.TOO_LARGE


def highest_so_far() -> int:
    """Give the most memory that this process has held since that was last asked to be counted anew, in bytes."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


async def drip(request: web.Request) -> web.StreamResponse:
    """Answer one byte at a time, for hours."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b"0")
            await asyncio.sleep(0.8)
    return response


async def test_answers_a_byte_at_a_time(world: World) -> None:
    """Sixty sources at such a host, with hours to wait: those of other hosts are polled and fetched as ever."""
    files = {"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: beside}\ndata: {v: '1'}\n"}
    beside = world.repository("team/beside", files)
    async with server(drip) as url:
        for number in range(60):
            text = repository(f"slow-{number}", f"{url}/{number}.git").replace(
                "interval: 1s", "interval: 1s\n  timeout: 2h"
            )
            await world.apply(text)
        await world.apply(repository("beside", "https://github.com/team/beside"))
        await world.apply(kustomization("beside", "./app", "beside", targetNamespace="default"))
        await world.until(KUSTOMIZATION, "flux-system", "beside", ready)
        for number in range(3):
            commit = beside.commit({"app/map.yaml": files["app/map.yaml"].replace("'1'", f"'more {number}'")}, "more")
            began = asyncio.get_running_loop().time()
            await world.until(KUSTOMIZATION, "flux-system", "beside", lambda body, it=commit: ready(body, it))
            assert asyncio.get_running_loop().time() - began < 90.0
        seen = await world.get(REPOSITORY, "flux-system", "slow-0")
        assert seen is not None
        for number in range(60):
            await world.delete(REPOSITORY, "flux-system", f"slow-{number}")
