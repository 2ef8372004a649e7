"""Whatever is sent: no crash, nobody else held up, memory bounded. Some seconds each, or TRUEUP_TEST_FUZZ_SECONDS.

Each prints what it has tried, and what memory that took.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from security.test_hostile_remotes import packet, server
from trueup.api.server import serving
from trueup.core.model.artifact import IgnoreRules, SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.recipe import DirectoryRecipe, HelmRecipe, KustomizeRecipe, RenderContext, RenderError
from trueup.core.model.webhook import payload_of
from trueup.devtools.gitserver import GitServer, Repository
from trueup.dialects import dialects, owner_of
from trueup.dialects.argo.webhook import Refused, read_push
from trueup.git.settings import GitSettings, Limits
from trueup.render import RenderSettings, WorkerRenderer
from trueup.sources.git.repositories import GitSource
from trueup.webhooks.routes import Unproven, webhook_routes
from unit.dialects.test_arbitrary_objects import values

SECONDS = float(os.environ.get("TRUEUP_TEST_FUZZ_SECONDS", "5"))
RANDOM = "TRUEUP_TEST_RANDOM" in os.environ
BATCHES = 10
"""So many at most where they are not random, so that a fast machine tries no others than a slow one."""
MEGABYTE = 1024 * 1024
GROWTH = 150 * MEGABYTE
BATCH = settings(
    max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False
)
SHA = "1" * 40


def memory() -> int:
    """Give the bytes that this process holds."""
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


@pytest.fixture(name="tried")
def what_was_tried(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Count outcomes; prints them, and sees that memory has stayed bounded."""
    before, tried = memory(), Counter[str]()
    yield tried
    grown = memory() - before
    print(f"\nfuzz {request.node.name}: {tried.total()} tried, {dict(tried)}; memory {grown / MEGABYTE:+.0f} MB")
    assert tried.total() > 0 and grown < GROWTH


def again(batch: Callable[[], None]) -> None:
    """Run batches of examples until the time is over: the same ones each time, or new ones in `make test-all`."""
    until = time.monotonic() + SECONDS
    first = random.getrandbits(32) if RANDOM else 0
    for number in itertools.count(first):
        seed(number)(batch)()
        if time.monotonic() > until or (not RANDOM and number >= BATCHES):
            return


# ----------------------------------------------------------------------------------------------------- marks

marks = st.text(max_size=60) | st.from_regex(r"[a-z0-9_.-]{0,20}:[A-Za-z./]{0,30}:[a-z0-9./:-]{0,40}", fullmatch=True)
MARKS = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id")
LABELS = (
    "app.kubernetes.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "kustomize.toolkit.fluxcd.io/namespace",
)


def test_marks_of_any_shape(tried: Counter[str]) -> None:
    known = dialects("argocd")

    @BATCH
    @given(
        st.dictionaries(st.sampled_from(MARKS), marks | values),
        st.dictionaries(st.sampled_from(LABELS), marks | values),
        st.fixed_dictionaries({"name": marks, "namespace": marks}),
    )
    def batch(annotations: dict[str, Any], labels: dict[str, Any], named: dict[str, str]) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**named, "annotations": annotations, "labels": labels},
        }
        tried["owned" if owner_of(body, known) else "nobody's"] += 1

    again(batch)


# -------------------------------------------------------------------------------------------------- webhooks

HOSTS = ("X-GitHub-Event", "X-Gitlab-Event", "X-Gitea-Event", "X-Gogs-Event", "X-Event-Key", "X-Vss-Activityid")
headers = st.dictionaries(
    st.sampled_from((*HOSTS, "X-Hub-Signature", "X-Hub-Signature-256", "X-Gitlab-Token", "X-Gogs-Signature")),
    st.sampled_from(("push", "Push Hook", "repo:push", "repo:refs_changed", "sha256=00", "sha1=é", ""))
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    max_size=4,
)
FIELDS = ("ref", "before", "after", "repository", "project", "changes", "push", "resource", "commits", "html_url")
payloads = st.dictionaries(st.sampled_from((*FIELDS, "git_http_url", "links", "name")), values, max_size=6)


class Reader:
    """Reads what is sent as the controller does, and keeps nothing."""

    def knows(self, path: str) -> bool:
        return True

    async def hook(self, path: str, headers: Any, body: bytes) -> None:
        if payload_of(body) is None:
            raise Unproven

    async def push(self, headers: Any, body: bytes) -> None:
        try:
            read_push(headers, body, lambda name, key: None)
        except Refused:
            raise Unproven from None


def bodies(value: Any) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Write a value as senders would, and as they would not."""
    import json

    plain = json.dumps(value).encode()
    yield plain, {"Content-Type": "application/json"}
    yield plain[: len(plain) // 2], {}
    yield gzip.compress(plain), {"Content-Encoding": "gzip"}
    yield plain, {"Content-Encoding": "gzip"}
    yield b"[" * 100_000 + plain, {}


def test_webhooks_of_any_shape(tried: Counter[str]) -> None:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        url = runner.run(stack.enter_async_context(serving("127.0.0.1:0", webhook_routes(Reader))))

        async def send(path: str, body: bytes, sent: dict[str, str]) -> str:
            async with aiohttp.ClientSession() as session, session.post(url + path, data=body, headers=sent) as got:
                return str(got.status)

        @BATCH
        @given(payloads | values, headers)
        def batch(value: Any, sent: dict[str, str]) -> None:
            for body, more in bodies(value):
                for path in ("/api/webhook", "/hook/" + "0" * 64):
                    status = runner.run(send(path, body, {**sent, **more}))
                    tried[status] += 1
                    assert status in ("200", "400", "403", "413", "415"), (status, body[:200], sent)

        again(batch)
        bomb = gzip.compress(bytes(400 * MEGABYTE))
        assert runner.run(send("/api/webhook", bomb, {"Content-Encoding": "gzip"})) == "415"
        runner.run(stack.aclose())


# ---------------------------------------------------------------------------------------------- refs and packs


@asynccontextmanager
async def twisted(upstream: str, twist: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """Serve a real server's answers, each twisted."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            kept = ("Git-Protocol", "Content-Type", "Content-Encoding", "Accept")
            sent = {name: value for name, value in request.headers.items() if name in kept}
            body = await request.read()
            async with session.request(
                request.method, upstream + request.path_qs, data=body or None, headers=sent
            ) as got:
                return web.Response(status=got.status, body=twist(await got.read()), content_type=got.content_type)

        async with server(answer) as url:
            yield url


twists = st.tuples(
    st.integers(0, 4),
    st.lists(
        st.tuples(
            st.sampled_from(("flip", "cut", "double", "insert", "zero")), st.floats(0, 1), st.binary(max_size=12)
        ),
        max_size=3,
    ),
)
"""Which of the answers of an exchange is twisted, and how."""


def twisting(how: list[tuple[str, float, bytes]], data: bytes) -> bytes:
    """Change an answer at some places."""
    for word, where, more in how:
        at = int(where * len(data))
        match word:
            case "flip":
                data = data[:at] + bytes(byte ^ 0x11 for byte in data[at : at + 1]) + data[at + 1 :]
            case "cut":
                data = data[:at]
            case "double":
                data = data[:at] + data[at:] * 2
            case "insert":
                data = data[:at] + more + data[at:]
            case _:
                data = data[:at] + bytes(len(data) - at)
    return data


def test_packs_and_refs_of_any_shape(tried: Counter[str], tmp_path: Path) -> None:
    """A real server's answers, changed at some places; a source beside it is fetched in between."""
    made = Repository.create(tmp_path / "git" / "r.git")
    how: list[tuple[str, float, bytes]] = []
    number = turn = 0

    def twist(data: bytes) -> bytes:
        nonlocal turn
        turn -= 1
        return twisting(how, data) if turn == -1 else data

    async def fetch(source: GitSource, url: str) -> str:
        spec = GitSpec(f"{url}/r.git", GitRef(branch="main"), timeout=5.0)
        try:
            resolved = await source.resolve(spec, None, IgnoreRules(), fresh=True)
            async with source.checkout(resolved):
                return "had"
        except SourceError as error:
            assert str(error) and len(str(error)) < 2000
            return error.fault.value
        finally:
            source.forget(spec)

    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        real = runner.run(stack.enter_async_context(GitServer(tmp_path / "git")))
        bad = runner.run(stack.enter_async_context(twisted(real.url, twist)))
        limits = Limits(refs=MEGABYTE, pack=8 * MEGABYTE, tree=8 * MEGABYTE)
        source = runner.run(stack.enter_async_context(GitSource(GitSettings(cache=tmp_path / "cache", limits=limits))))

        @BATCH
        @given(twists)
        def batch(given_: tuple[int, list[tuple[str, float, bytes]]]) -> None:
            nonlocal number, turn
            number += 1
            if number % 5 == 1:
                made.commit({f"{number}.yaml": f"a: {number}\n" * 50}, "more")
            turn, how[:] = given_
            tried[runner.run(fetch(source, bad))] += 1
            if number % 5 == 0:
                assert runner.run(fetch(source, real.url)) == "had"

        again(batch)
        runner.run(stack.aclose())


names = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ("HEAD", "refs/heads/main", "refs/heads/../x", "refs/heads/-x", "refs/heads/a\nb", "refs/heads/main.lock", "@{0}")
)


def test_refs_with_any_name(tried: Counter[str], tmp_path: Path) -> None:
    """A server that speaks the protocol, and names its refs as no repository could."""
    refs: list[str] = []

    async def advertise(request: web.Request) -> web.StreamResponse:
        lines = [packet(f"{SHA} {refs[0]}\0symref=HEAD:{refs[-1]}\n".encode())] if refs else []
        lines += [packet(f"{SHA} {name}\n".encode()) for name in refs[1:]]
        body = packet(b"# service=git-upload-pack\n") + b"0000" + b"".join(lines) + b"0000"
        return web.Response(body=body, content_type="application/x-git-upload-pack-advertisement")

    async def poll(source: GitSource, url: str, ref: GitRef) -> str:
        try:
            revision = await source.poll(GitSpec(f"{url}/x.git", ref, timeout=5.0), None, fresh=True)
        except SourceError as error:
            return error.fault.value
        assert revision.id == SHA
        return "found"

    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        url = runner.run(stack.enter_async_context(server(advertise)))
        source = runner.run(stack.enter_async_context(GitSource(GitSettings(cache=tmp_path / "cache"))))

        @BATCH
        @given(st.lists(names, max_size=4), names)
        def batch(given_: list[str], wanted: str) -> None:
            refs[:] = given_
            for ref in (GitRef(branch=wanted), GitRef(tag=wanted), GitRef(name=wanted), GitRef(semver=wanted)):
                tried[runner.run(poll(source, url, ref))] += 1

        again(batch)
        runner.run(stack.aclose())


# ------------------------------------------------------------------------------------------------- manifests

texts = st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))
FILES = ("x.yaml", "x.json", "x.jsonnet", "Chart.yaml", "values.yaml", "templates/x.yaml", "kustomization.yaml")


def test_manifests_of_any_shape(tried: Counter[str], tmp_path: Path) -> None:
    import json

    written = st.dictionaries(st.sampled_from(FILES), texts | values.map(json.dumps), min_size=1, max_size=4)
    number = 0

    async def render(renderer: WorkerRenderer, files: dict[str, str], recipe: Any) -> str:
        nonlocal number
        number += 1
        folder = tmp_path / str(number)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, errors="replace")
        try:
            await renderer.render(recipe, folder, RenderContext(deadline=5.0))
        except RenderError as error:
            assert error.problem.code not in ("crashed", "protocol"), (files, error.problem)
            return error.problem.code
        return "rendered"

    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        renderer = runner.run(stack.enter_async_context(WorkerRenderer(RenderSettings(workers=1))))

        @BATCH
        @given(written, st.sampled_from((DirectoryRecipe(), KustomizeRecipe(), HelmRecipe())))
        def batch(files: dict[str, str], recipe: Any) -> None:
            tried[runner.run(render(renderer, files, recipe))] += 1

        again(batch)
        runner.run(stack.aclose())
