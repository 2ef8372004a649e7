"""Archives from a real server: checked by digest, fetched from allowed hosts alone, kept; what does harm is refused."""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from support.registry import entry, tarball
from trueup.core.model.artifact import Fault, IgnoreRules, Revision, SourceError
from trueup.core.repository.archive import ArchiveSpec
from trueup.git.settings import GitSettings, Limits
from trueup.sources.archive import AllowedHosts, ArchiveProvider, ArchiveSource
from trueup.sources.cache import Cache

NOTHING = IgnoreRules()
HERE = AllowedHosts(("127.0.0.1",))
FILES = {"app/map.yaml": "kind: ConfigMap\n", "run.sh": "echo"}


class Server:
    """Gives one content for every path; `led` sends elsewhere, `stop` ends in the middle."""

    def __init__(self) -> None:
        self.address = ""
        self.content = b""
        self.led = ""
        self.stop = False
        self.wait = False
        self.status = 200
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.wait:
            await asyncio.Event().wait()
        if self.led:
            raise web.HTTPFound(self.led)
        if self.stop:
            response = web.StreamResponse(headers={"Content-Length": str(len(self.content))})
            await response.prepare(request)
            await response.write(self.content[: len(self.content) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        return web.Response(status=self.status, body=self.content)


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def opened(folder: Path, hosts: AllowedHosts = HERE, **limits: int) -> ArchiveSource:
    cache = Cache(GitSettings(cache=folder / "cache", limits=Limits(**limits)))
    await cache.start()
    return ArchiveSource(cache, hosts)


@pytest_asyncio.fixture(loop_scope="session")
async def source(tmp_path: Path) -> ArchiveSource:
    return await opened(tmp_path)


def spec(server: Server, content: bytes, version: str = "v1", algorithm: str = "sha256") -> ArchiveSpec:
    server.content = content
    digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    revision = Revision(version, f"sha256:{hashlib.sha256(content).hexdigest()}")
    return ArchiveSpec(f"{server.address}/{version}.tar.gz", name="shop/app", digest=digest, revision=revision)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
async def test_files_are_given_and_fetched_once(server: Server, source: ArchiveSource, algorithm: str) -> None:
    wanted = spec(server, tarball(FILES), algorithm=algorithm)
    revision = source.resolve(wanted)
    assert revision == wanted.revision
    for _ in range(2):
        found = await source.fetch(wanted, revision, NOTHING)
        assert found.provenance.id == revision.id and found.metadata == {}
        async with source.cache.checkout(found) as held:
            assert {path.name: path.read_text() for path in held.path.rglob("*") if path.is_file()} == {
                "map.yaml": FILES["app/map.yaml"],
                "run.sh": "echo",
            }
    assert len(server.asked) == 1


async def test_an_earlier_version_is_kept_also_after_a_restart_and_without_the_server(
    server: Server, source: ArchiveSource, tmp_path: Path
) -> None:
    first = spec(server, tarball(FILES))
    before = await source.fetch(first, first.revision, NOTHING)
    second = spec(server, tarball({"other": "2"}), "v2")
    assert (await source.fetch(second, second.revision, NOTHING)).tree != before.tree
    server.status = 404
    again = await opened(tmp_path)
    known = await again.recall(second, first.revision, NOTHING)
    assert known is not None and known.tree == before.tree
    assert (await again.fetch(second, first.revision, NOTHING)).tree == before.tree
    with pytest.raises(SourceError, match="is there no more") as lost:
        await again.fetch(second, Revision("v0", "sha256:" + "0" * 64), NOTHING)
    assert lost.value.fault is Fault.REF
    provider = ArchiveProvider(again)
    assert await provider.resolve(second, None, at=str(first.revision)) == first.revision
    assert await provider.resolve(second, None, at="v2") == second.revision


async def test_a_version_that_is_made_anew_is_fetched_anew(server: Server, source: ArchiveSource) -> None:
    first = spec(server, tarball(FILES))
    before = await source.fetch(first, first.revision, NOTHING)
    content = tarball({"other": "2"})
    server.content = content
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    anew = ArchiveSpec(first.url, name=first.name, digest=digest, revision=first.revision)
    assert (await source.fetch(anew, first.revision, NOTHING)).tree != before.tree


async def test_another_content_than_was_told_is_not_taken(server: Server, source: ArchiveSource) -> None:
    wanted = spec(server, tarball(FILES))
    server.content = tarball({"evil": "x"})
    with pytest.raises(SourceError, match="does not have the digest") as refused:
        await source.fetch(wanted, wanted.revision, NOTHING)
    assert not refused.value.stalled
    assert await source.recall(wanted, wanted.revision, NOTHING) is None
    server.content = tarball(FILES)
    assert (await source.fetch(wanted, wanted.revision, NOTHING)).tree


async def test_a_server_that_stops_fails_or_waits_is_told(server: Server, source: ArchiveSource) -> None:
    wanted = spec(server, tarball({"a": bytes(range(256)) * 256}))
    server.stop = True
    with pytest.raises(SourceError) as failed:
        await source.fetch(wanted, wanted.revision, NOTHING)
    assert failed.value.fault is Fault.UNREACHABLE
    server.stop, server.status = False, 404
    with pytest.raises(SourceError, match="HTTP 404"):
        await source.fetch(wanted, wanted.revision, NOTHING)
    server.status, server.wait = 200, True
    slow = ArchiveSpec(wanted.url, name="shop/app", digest=wanted.digest, revision=wanted.revision, timeout=0.3)
    with pytest.raises(SourceError, match="no answer within"):
        await source.fetch(slow, slow.revision, NOTHING)
    assert not list(source.cache.settings.cache.rglob("*.part"))


@pytest.mark.parametrize(
    "led", ["http://169.254.169.254/latest", "http://localhost:1/x", "http://elsewhere.example/x", "file:///etc/passwd"]
)
async def test_nobody_is_led_to_hosts_that_are_not_allowed(server: Server, source: ArchiveSource, led: str) -> None:
    wanted = spec(server, tarball(FILES))
    server.led = led
    with pytest.raises(SourceError, match=r"is not asked|no http"):
        await source.fetch(wanted, wanted.revision, NOTHING)


async def test_a_pattern_leads_to_no_address_of_this_machine(server: Server, tmp_path: Path) -> None:
    wanted = spec(server, tarball(FILES))
    port = server.address.rpartition(":")[2]
    url = f"http://here.localhost:{port}/x"
    wanted = ArchiveSpec(url, name="a/b", digest=wanted.digest, revision=wanted.revision)
    source = await opened(tmp_path, AllowedHosts(("*.localhost",)))
    with pytest.raises(SourceError):
        await source.fetch(wanted, wanted.revision, NOTHING)
    assert not server.asked


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://169.254.169.254/x", "artifacts are fetched from"),
        ("http://evil.example/x.svc", "artifacts are fetched from"),
        ("http://svc/x", "artifacts are fetched from"),
        ("ftp://a.b.svc/x", "no http:// or https:// URL"),
        ("http://user:secret-word@a.b.svc/x", "holds a user"),
        ("", "no http:// or https:// URL"),
        ("http://[::1", "cannot be read"),
    ],
)
async def test_what_is_not_fetched_is_refused_before(tmp_path: Path, url: str, words: str) -> None:
    source = await opened(tmp_path, AllowedHosts())
    with pytest.raises(SourceError, match=words) as refused:
        source.resolve(ArchiveSpec(url, name="a/b", digest="sha256:" + "a" * 64))
    assert refused.value.stalled and "secret-word" not in str(refused.value)


@pytest.mark.parametrize("digest", ["blake3:" + "a" * 64, "sha256:abc", "sha256:" + "g" * 64, "", "md5:" + "a" * 32])
async def test_a_digest_that_cannot_be_checked_is_refused(server: Server, source: ArchiveSource, digest: str) -> None:
    with pytest.raises(SourceError, match="digest"):
        source.resolve(ArchiveSpec(f"{server.address}/x", name="a/b", digest=digest))


BAD = {
    "a path that leads out": (tarball({"../../etc/passwd": "x"}), "leads out"),
    "a link that leads out": (tarball({}, entry("a", tarfile.SYMTYPE, "../../etc")), "the link 'a' leads out"),
    "a device": (tarball({}, entry("null", tarfile.CHRTYPE)), "neither a file"),
    "a bomb": (tarball({"zeros": bytes(40 * 2**20)}), "too large at 'zeros'"),
    "garbage": (b"this is no tarball" * 40, "is no tarball"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_tarball_that_does_harm_is_refused_and_not_fetched_again(
    server: Server, tmp_path: Path, case: str
) -> None:
    source = await opened(tmp_path, tree=32 * 2**20, file=16 * 2**20)
    content, words = BAD[case]
    wanted = spec(server, content)
    for _ in range(2):
        with pytest.raises(SourceError, match=words) as refused:
            await source.fetch(wanted, wanted.revision, NOTHING)
        assert refused.value.stalled
    assert len(server.asked) == 1


def test_hosts_are_read_from_the_environment() -> None:
    hosts = AllowedHosts.from_environment({"TRUEUP_ARTIFACT_HOSTS": "*.svc, artifacts.example.com\n[::1]"})
    assert all(hosts.allows(host) for host in ("a.b.svc", "A.B.SVC.", "artifacts.example.com", "::1"))
    assert not any(hosts.allows(host) for host in ("svc", "example.com", "x.artifacts.example.com", "a.svc.evil"))
    assert AllowedHosts.from_environment({}) == AllowedHosts()
    for text in ("*", "http://a", "a/b", "*.*.b"):
        with pytest.raises(ValueError, match="TRUEUP_ARTIFACT_HOSTS"):
            AllowedHosts.from_environment({"TRUEUP_ARTIFACT_HOSTS": text})
