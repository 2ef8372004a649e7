"""Every host behind one protocol: the same questions and the same answers, and the same bounds on what they answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from support.hosts import TOKEN, GiteaServer, GitHubServer, GitLabServer
from trueup.scm import (
    Access,
    CommitState,
    CommitStatus,
    Fault,
    Host,
    HostError,
    HostKind,
    Location,
    State,
    api,
    connected,
)

COMMIT = "c" * 40
Server = GitHubServer | GiteaServer | GitLabServer


@pytest.fixture(params=[HostKind.GITHUB, HostKind.GITLAB, HostKind.GITEA])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    kinds = {HostKind.GITHUB: GitHubServer, HostKind.GITLAB: GitLabServer, HostKind.GITEA: GiteaServer}
    async with kinds[request.param]() as made:
        made.kind = request.param
        yield made


@pytest.fixture
async def host(server: Server) -> AsyncIterator[Host]:
    async with connected(Location(server.kind, server.api, "owner/name"), Access(token=TOKEN)) as made:
        yield made


async def test_a_pull_request_is_opened_and_found_again(server: Server, host: Host) -> None:
    assert await host.find("trueup/revert-1") is None
    made = await host.create("trueup/revert-1", await host.default_branch(), "Revert", "because")
    assert (made.number, made.base, made.author) == (1, "main", "ada")
    assert await host.find("trueup/revert-1") == made


async def test_an_open_pull_request_counts_before_closed_ones_of_its_branch(server: Server, host: Host) -> None:
    for _ in range(5):
        number = (await host.create("again", "main", "t", "b")).number
        server.close(number)
    closed = await host.find("again")
    assert closed is not None and closed.state is State.CLOSED
    for branch in ("other", "again", "other", "other", "other", "other"):
        await host.create(branch, "main", "t", "b")
    found = await host.find("again")
    assert found is not None and (found.state, found.number) == (State.OPEN, 7)


async def test_a_commit_tells_who_wrote_and_who_merged_its_pull_request(server: Server, host: Host) -> None:
    made = await host.create("feature", "main", "A feature", "b")
    assert await host.of_commit(COMMIT) is None
    server.close(made.number, merged_by="grace", commit=COMMIT)
    found = await host.of_commit(COMMIT)
    assert found is not None
    assert (found.title, found.author, found.merged_by, found.state) == ("A feature", "ada", "grace", State.MERGED)
    assert found.url == made.url


async def test_a_status_is_set_once(server: Server, host: Host) -> None:
    pending = CommitStatus("kustomization/apps", CommitState.PENDING, "applying " * 50, "https://example.com/a")
    for other in range(5):
        assert await host.set_status(COMMIT, CommitStatus(f"other/{other}", CommitState.SUCCESS))
    assert await host.set_status(COMMIT, pending)
    assert not await host.set_status(COMMIT, pending)
    assert await host.set_status(COMMIT, CommitStatus(pending.name, CommitState.FAILURE, "sick"))
    assert await host.set_status(COMMIT, CommitStatus(pending.name, CommitState.SUCCESS, "well"))
    assert len(server.statuses[COMMIT]) == 8


async def test_a_comment_is_changed_in_place(server: Server, host: Host) -> None:
    number = (await host.create("feature", "main", "t", "b")).number
    for other in range(5):
        assert await host.comment(number, f"other/{other}", "theirs")
    assert await host.comment(number, "apps --> <script>", "first")
    assert not await host.comment(number, "apps --> <script>", "first")
    assert await host.comment(number, "apps --> <script>", "second")
    bodies = [comment["body"] for comment in server.comments[number]]
    assert len(bodies) == 6 and bodies[-1].endswith("\nsecond") and "<script>" not in bodies[-1]


# ------------------------------------------------------------------------------------------------------- faults


async def test_a_wrong_token_is_named_and_not_shown(server: Server) -> None:
    async with connected(Location(server.kind, server.api, "owner/name"), Access(token="wrong-token")) as host:
        with pytest.raises(HostError) as caught:
            await host.default_branch()
    assert caught.value.fault is Fault.CREDENTIALS and "wrong-token" not in str(caught.value)


async def test_what_a_host_repeats_of_the_token_is_taken_out(server: Server, host: Host) -> None:
    server.faults.append(lambda: web.json_response({"message": f"bad token {TOKEN}"}, status=422))
    with pytest.raises(HostError) as caught:
        await host.default_branch()
    assert caught.value.fault is Fault.REFUSED and TOKEN not in str(caught.value)


async def test_a_short_rate_limit_is_waited_for(server: Server, host: Host) -> None:
    server.faults.append(lambda: web.Response(status=429, headers={"Retry-After": "0"}))
    assert await host.default_branch() == "main"
    assert len(server.seen) == 2


async def test_a_long_rate_limit_is_told_and_the_host_left_alone(server: Server, host: Host) -> None:
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 600)}
    server.faults.append(lambda: web.json_response({"message": "slow down"}, status=403, headers=reset))
    for _ in range(3):
        with pytest.raises(HostError) as caught:
            await host.default_branch()
        assert caught.value.fault is Fault.RATE_LIMITED
        assert caught.value.again is not None and 500 < caught.value.again <= 600
    assert len(server.seen) == 1


async def test_an_outage_is_tried_again_for_questions_and_not_for_changes(server: Server, host: Host) -> None:
    server.faults.append(lambda: web.Response(status=502))
    assert await host.default_branch() == "main"
    server.faults.append(lambda: web.Response(status=502))
    with pytest.raises(HostError) as caught:
        await host.create("a", "b", "c", "d")
    assert caught.value.fault is Fault.UNREACHABLE and not server.pulls


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[", b"<html>", b"[" * 100_000, b'{"default_branch": {}}', b"\xff\xfe", b'"text"'],
    ids=["empty", "null", "cut", "html", "deep", "other type", "no UTF-8", "text"],
)
async def test_a_hostile_answer_is_an_error_and_nothing_else(server: Server, host: Host, body: bytes) -> None:
    server.faults.append(lambda: web.Response(body=body, content_type="application/json"))
    with pytest.raises(HostError) as caught:
        await host.default_branch()
    assert caught.value.fault is Fault.ANSWER


async def test_an_endless_answer_is_cut(server: Server, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "ANSWER_LIMIT", 1000)
    server.faults.append(lambda: web.Response(body=b" " * 1001))
    with pytest.raises(HostError, match="more than"):
        await host.default_branch()


async def test_a_redirect_is_not_followed_with_the_token(server: Server, host: Host) -> None:
    elsewhere = {"Location": f"{server.url}/elsewhere"}
    server.faults.append(lambda: web.Response(status=302, headers=elsewhere))
    with pytest.raises(HostError, match="redirects are not followed"):
        await host.default_branch()
    assert len(server.seen) == 1


async def test_a_list_ends_after_its_bound(server: Server, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGES", 2)
    for number in range(50):
        server.comments.setdefault(1, []).append({"id": number, "body": "theirs"})
    await host.comment(1, "apps", "text")
    assert sum(line.startswith("GET") for line in server.seen) == 2


# ---------------------------------------------------------------------------------------------------------- app


async def test_an_app_asks_for_a_token_once() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    asserted: list[str] = []

    class AppServer(GitHubServer):
        authorization = ("User-Agent", "trueup")

        def answer(self, method: str, parts: list[str], query: dict[str, str], body: dict[str, object]) -> object:
            if parts == ["app", "installations", "42", "access_tokens"]:
                return {"token": TOKEN, "expires_at": "2100-01-01T00:00:00Z"}
            return super().answer(method, parts, query, body)

        async def _handle(self, request: web.Request) -> web.StreamResponse:
            asserted.append(request.headers["Authorization"].removeprefix("Bearer "))
            return await super()._handle(request)

    async with AppServer() as server:
        access = Access(app_id="7", installation="42", app_key=pem)
        async with connected(Location(HostKind.GITHUB, server.url, "owner/name"), access) as host:
            assert await host.default_branch() == "main"
            assert await host.default_branch() == "main"
    assert asserted[1:] == [TOKEN, TOKEN]
    claims = jwt.decode(asserted[0], RSAKey.import_key(pem)).claims
    assert claims["iss"] == "7" and claims["exp"] - claims["iat"] <= 600


async def test_a_key_that_is_none_is_named() -> None:
    access = Access(app_id="7", installation="42", app_key="not a key")
    async with connected(Location(HostKind.GITHUB, "http://127.0.0.1:1", "owner/name"), access) as host:
        with pytest.raises(HostError, match="githubAppPrivateKey") as caught:
            await host.default_branch()
    assert "not a key" not in str(caught.value)
