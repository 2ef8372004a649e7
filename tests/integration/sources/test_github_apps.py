"""A Git server that lets in by tokens of a GitHub App, and an API that gives these for assertions that it checks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from trueup.core.model.artifact import Fault, IgnoreRules, SourceCredentials, SourceError
from trueup.core.model.git import GitRef, GitSpec
from trueup.devtools.gitserver import GitServer, Repository
from trueup.sources.git import GitProvider, GitSettings, GitSource

NOTHING = IgnoreRules()


def private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


class App:
    """GitHub's side: App 7 with installation 42. A token is what the Git server takes from then on."""

    def __init__(self) -> None:
        self.key = private_key()
        self.users = {"x-access-token": "ghs_of_an_hour"}
        self.given = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            claims = jwt.decode(value, RSAKey.import_key(self.key), algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return web.json_response({"message": "A JSON web token could not be decoded"}, status=401)
        now = time.time()
        if scheme != "Bearer" or claims.get("iss") != "7" or not now - 90 < claims["iat"] < claims["exp"] < now + 600:
            return web.json_response({"message": "Bad credentials"}, status=401)
        if request.match_info["id"] != "42":
            return web.json_response({"message": "Not Found"}, status=404)
        self.given += 1
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 3600))
        return web.json_response({"token": self.users["x-access-token"], "expires_at": end}, status=201)

    def secret(self, **changed: bytes) -> SourceCredentials:
        data = {
            "githubAppID": b"7",
            "githubAppInstallationID": b"42\n",
            "githubAppPrivateKey": self.key,
            "githubAppBaseURL": self.url.encode(),
        }
        return SourceCredentials({**data, **changed}, secret="shop/app")


class Place:
    def __init__(self, app: App, spec: GitSpec, repository: Repository, cache: Path) -> None:
        self.app, self.spec, self.repository, self.cache = app, spec, repository, cache


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    app = App()
    site = web.Application()
    site.router.add_post("/api/v3/app/installations/{id}/access_tokens", app.answer)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3"
    repository = Repository.create(tmp_path / "git" / "team" / "shop.git")
    repository.commit({"f": "1"}, "first")
    async with GitServer(tmp_path / "git", users=app.users) as server:
        spec = GitSpec(server.url_of(repository), GitRef(branch="main"), timeout=5.0, app=True)
        yield Place(app, spec, repository, tmp_path / "cache")
    await runner.cleanup()


async def test_a_token_is_asked_for_once_and_known_again_after_a_restart(place: Place) -> None:
    creds = place.app.secret()
    async with GitSource(GitSettings(cache=place.cache, poll_window=0.0)) as git:
        provider = GitProvider(git)
        for content in ("2", "3"):
            place.repository.commit({"f": content}, content)
            revision = await provider.resolve(place.spec, creds, fresh=True)
            found = await provider.fetch(place.spec, revision, creds, NOTHING)
            assert found.revision.id == place.repository.head()
        assert place.app.given == 1
    async with GitSource(GitSettings(cache=place.cache)) as git:
        recalled = await GitProvider(git).recall(place.spec, found.revision, creds, NOTHING)
        assert recalled is not None and recalled.tree == found.tree
        assert await GitProvider(git).recall(place.spec, found.revision, None, NOTHING) is None
    assert place.app.given == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"githubAppID": b"8"}, "Bad credentials"),
        ({"githubAppInstallationID": b"43"}, "Not Found"),
        ({"githubAppInstallationID": b"x"}, "githubAppInstallationID is no number"),
        ({"githubAppPrivateKey": b"no-key-at-all"}, "githubAppPrivateKey is no private RSA key"),
        ({"githubAppBaseURL": b"file:///etc"}, "githubAppBaseURL is no http"),
    ],
)
async def test_what_is_wrong_with_an_app_is_told_without_its_key(
    place: Place, changed: dict[str, bytes], words: str
) -> None:
    async with GitSource(GitSettings(cache=place.cache, poll_window=0.0)) as git:
        with pytest.raises(SourceError, match=words) as refused:
            await GitProvider(git).resolve(place.spec, place.app.secret(**changed))
    assert refused.value.fault is Fault.CREDENTIALS and "no-key-at-all" not in str(refused.value)


async def test_a_foreign_key_and_an_api_that_is_gone_are_told(place: Place) -> None:
    async with GitSource(GitSettings(cache=place.cache, poll_window=0.0)) as git:
        with pytest.raises(SourceError, match="could not be decoded"):
            await GitProvider(git).resolve(place.spec, place.app.secret(githubAppPrivateKey=private_key()))
        gone = place.app.secret(githubAppBaseURL=b"http://127.0.0.1:1")
        with pytest.raises(SourceError, match="no token of the GitHub App") as failed:
            await GitProvider(git).resolve(place.spec, gone)
        assert failed.value.fault is Fault.UNREACHABLE
