"""A proposal, statuses, comments and a webhook's signature on a real Gitea.

Runs where TRUEUP_TEST_GITEA names its program, built from the Go module `code.gitea.io/gitea` in a copy of its folder:
`go build -tags 'sqlite sqlite_unlock_notify'`; TRUEUP_TEST_GITEA_FOLDER names that folder (for templates and options).
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from trueup.core.model.artifact import SourceCredentials
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.rollback.proposal import Proposal
from trueup.devtools.gitserver import Repository
from trueup.dialects.argo.webhook import Refused, read_push
from trueup.scm import Access, CommitState, CommitStatus, HostKind, Location, State, connected
from trueup.sources.git import GitSettings, GitSource
from trueup.sources.git.proposals import ProposalSettings, RevertProposals

PROGRAM, FOLDER = os.environ.get("TRUEUP_TEST_GITEA", ""), os.environ.get("TRUEUP_TEST_GITEA_FOLDER", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="TRUEUP_TEST_GITEA names no program")
SOURCE = ObjectRef("source.toolkit.fluxcd.io", "GitRepository", "flux-system", "shop")
CONFIG = """
RUN_USER = {user}
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {static}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {work}/gitea.db
[repository]
ROOT = {work}/repositories
[security]
INSTALL_LOCK = true
[log]
LEVEL = Error
[webhook]
ALLOWED_HOST_LIST = *
"""


class Place:
    """A Gitea with one repository, `ada/shop`, and a token for both its API and Git."""

    def __init__(self, url: str, token: str, cache: Path) -> None:
        self.url, self.token, self.cache = url, token, cache
        self.location = Location(HostKind.GITEA, f"{url}/api/v1", "ada/shop")

    async def of(self, declaration: SourceDeclaration) -> SourceCredentials | None:
        return SourceCredentials({"username": b"ada", "password": self.token.encode()})

    def declaration(self, ref: ObjectRef) -> SourceDeclaration | None:
        return SourceDeclaration(ref, "uid", 1, GitSpec(f"{self.url}/ada/shop.git", GitRef(branch="main")))

    def proposals(self) -> RevertProposals:
        hosts = {self.url.removeprefix("http://"): (HostKind.GITEA, "")}
        git = GitSource(GitSettings(cache=self.cache))
        return RevertProposals(git, self, self.declaration, ProposalSettings(hosts=hosts))

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as client,
            client.request(method, f"{self.url}/api/v1{path}", json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else None


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "app.ini"
    config.write_text(CONFIG.format(user=getpass.getuser(), port=port, static=FOLDER, work=tmp_path))
    command = [PROGRAM, "--work-path", str(tmp_path), "--config", str(config)]

    def run(*arguments: str) -> str:
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    run("migrate")
    user = ["--username", "ada", "--password", "Secret-12345", "--email", "ada@example.com"]
    run("admin", "user", "create", *user, "--admin", "--must-change-password=false")
    flags = ["--username", "ada", "--token-name", "test", "--scopes", "all", "--raw"]
    token = run("admin", "user", "generate-access-token", *flags).splitlines()[-1].strip()
    process = await asyncio.create_subprocess_exec(*command, "web", stdout=subprocess.DEVNULL)
    try:
        made = Place(f"http://127.0.0.1:{port}", token, tmp_path / "cache")
        async with asyncio.timeout(120):
            while True:
                try:
                    await made.call("GET", "/version")
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        await made.call("POST", "/user/repos", {"name": "shop", "default_branch": "main"})
        yield made
    finally:
        process.terminate()
        await process.wait()


async def test_a_revert_is_proposed_once_and_a_closed_one_is_left(place: Place, tmp_path: Path) -> None:
    local = Repository.create(tmp_path / "local.git")
    good = local.commit({"web/a.yaml": "a: 1\n"}, "Good")
    bad = local.commit({"web/a.yaml": "a: bad\n"}, "Break")
    local.push(f"http://ada:{place.token}@{place.url.removeprefix('http://')}/ada/shop.git")
    async with asyncio.timeout(120):
        # Gitea takes note of a first push a little later.
        while (await place.call("GET", "/repos/ada/shop"))["empty"]:
            await asyncio.sleep(0.05)
    proposal = Proposal(
        SOURCE, SOURCE, f"{place.url}/ada/shop.git", bad, good, "main", ("web",), "Revert", "It failed."
    )
    proposals = place.proposals()
    made = await asyncio.gather(*(proposals.propose(proposal) for _ in range(20)))
    assert len(set(made)) == 1 and made[0].number == 1 and made[0].url == f"{place.url}/ada/shop/pulls/1"
    (pull,) = await place.call("GET", "/repos/ada/shop/pulls?state=all")
    assert (pull["title"], pull["base"]["ref"]) == ("Revert", "main")
    async with asyncio.timeout(120):
        # Whether it can be merged is found out beside.
        while not (await place.call("GET", "/repos/ada/shop/pulls/1"))["mergeable"]:
            await asyncio.sleep(0.05)
    await place.call("PATCH", "/repos/ada/shop/pulls/1", {"state": "closed"})
    assert await place.proposals().propose(proposal) == made[0]
    assert len(await place.call("GET", "/repos/ada/shop/pulls?state=all")) == 1
    await place.call("PATCH", "/repos/ada/shop/pulls/1", {"state": "open"})
    async with asyncio.timeout(120):
        while not (await place.call("GET", "/repos/ada/shop/pulls/1"))["mergeable"]:
            await asyncio.sleep(0.05)
    await place.call("POST", "/repos/ada/shop/pulls/1/merge", {"Do": "merge"})
    merged = await place.call("GET", "/repos/ada/shop/branches/main")
    async with connected(place.location, Access(token=place.token)) as host:
        found = await host.of_commit(merged["commit"]["id"])
        assert found is not None and (found.number, found.state, found.merged_by) == (1, State.MERGED, "ada")
        assert await host.of_commit(good) is None
        for status, news in (
            (CommitStatus("trueup/shop", CommitState.PENDING, "applying"), True),
            (CommitStatus("trueup/shop", CommitState.PENDING, "applying"), False),
            (CommitStatus("trueup/shop", CommitState.SUCCESS, "applied", "https://example.com"), True),
            (CommitStatus("trueup/shop", CommitState.SUCCESS, "applied", "https://example.com"), False),
        ):
            assert await host.set_status(bad, status) is news
        assert [await host.comment(1, "shop", text) for text in ("one", "one", "two")] == [True, False, True]
    comments = await place.call("GET", "/repos/ada/shop/issues/1/comments")
    assert len(comments) == 1 and comments[0]["body"].endswith("two")


async def test_its_own_webhook_is_understood_and_proven(place: Place, tmp_path: Path) -> None:
    taken: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/webhook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/api/webhook"
    try:
        hook = {"url": address, "content_type": "json", "secret": "shared"}
        await place.call(
            "POST", "/repos/ada/shop/hooks", {"type": "gitea", "active": True, "events": ["push"], "config": hook}
        )
        local = Repository.create(tmp_path / "local.git")
        local.commit({"web/a.yaml": "a: 1\n"}, "First")
        local.push(f"http://ada:{place.token}@{place.url.removeprefix('http://')}/ada/shop.git")
        async with asyncio.timeout(120):
            headers, body = await taken.get()
    finally:
        await runner.cleanup()
    push = read_push(headers, body, lambda name, key: b"shared" if key == "webhook.gogs.secret" else None)
    assert push is not None and push.refs == ("refs/heads/main",)
    assert f"{place.url}/ada/shop" in push.urls
    with pytest.raises(Refused):
        read_push(headers, body, lambda name, key: b"other" if key == "webhook.gogs.secret" else None)
