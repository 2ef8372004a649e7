"""Buckets on a real server: listed by etags, fetched by what has changed, and what does harm refused by name."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from aiohttp import web

from support.buckets import REGION, Buckets, Front, buckets, front
from trueup.core.model.artifact import Fault, IgnoreRules, Revision, SourceCredentials, SourceError
from trueup.core.repository.bucket import BucketSpec
from trueup.git.settings import GitSettings, Limits
from trueup.sources.bucket import BucketProvider, BucketSource
from trueup.sources.cache import Cache

NOTHING = IgnoreRules()
EMPTY = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"


class Place(NamedTuple):
    server: Buckets
    front: Front


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with buckets(tmp_path_factory.mktemp("buckets")) as made, front(made.host) as before:
        yield Place(made, before)


@pytest.fixture(autouse=True)
def behaved(place: Place) -> None:
    place.front.fresh()


_NUMBERS = count()


@pytest_asyncio.fixture(loop_scope="session")
async def name(place: Place) -> str:
    made = f"bucket-{next(_NUMBERS)}"
    await place.server.make(made)
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def source(tmp_path: Path) -> BucketSource:
    return await opened(tmp_path)


async def opened(folder: Path, **limits: int) -> BucketSource:
    cache = Cache(GitSettings(cache=folder / "cache", poll_window=0, limits=Limits(**limits)))
    await cache.start()
    return BucketSource(cache)


def keys(server: Buckets, secret: str = "", ca: str = "") -> SourceCredentials:
    data = {"accesskey": server.access_key.encode(), "secretkey": (secret or server.secret_key).encode()}
    return SourceCredentials(data | ({"ca.crt": ca.encode()} if ca else {}), secret="shop/keys")


def spec(host: str, name: str, **more: Any) -> BucketSpec:
    scheme = "http" if more.setdefault("insecure", True) else "https"
    return BucketSpec(f"{scheme}://{host}/{name}", endpoint=host, bucket=name, region=REGION, **more)


def digest(files: dict[str, str]) -> str:
    """Give what Flux would: the digest of sorted keys and etags, which are MD5 sums here."""
    lines = [f"{key} {hashlib.md5(text.encode()).hexdigest()}\n" for key, text in sorted(files.items())]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


async def files_of(source: BucketSource, wanted: BucketSpec, creds: SourceCredentials | None) -> dict[str, str]:
    found = await source.fetch(wanted, await source.resolve(wanted, creds, fresh=True), creds, NOTHING)
    async with source.cache.checkout(found) as held:
        paths = [path for path in held.path.rglob("*") if path.is_file()]
        return {path.relative_to(held.path).as_posix(): path.read_text() for path in paths}


async def test_objects_are_files_and_the_revision_is_that_of_flux(
    place: Place, source: BucketSource, name: str
) -> None:
    files = {"app/map.yaml": "kind: ConfigMap\n", "b ä+%2F&.yaml": "2", "app/x/deep.yaml": "3"}
    await place.server.put(name, {**files, "folder/": b""})
    wanted, creds = spec(place.server.host, name), keys(place.server)
    revision = await source.resolve(wanted, creds)
    assert revision == Revision("", digest(files))
    assert await files_of(source, wanted, creds) == files
    found = await source.fetch(wanted, revision, creds, NOTHING)
    assert found.provenance.id == revision.id and found.url == wanted.url


async def test_only_what_has_changed_is_fetched(place: Place, source: BucketSource, name: str, tmp_path: Path) -> None:
    files = {f"f{number}.yaml": str(number) for number in range(20)}
    await place.server.put(name, files)
    wanted, creds = spec(place.front.host, name), keys(place.server)
    assert await files_of(source, wanted, creds) == files
    assert len(place.front.objects) == 20
    place.front.fresh()
    assert await files_of(source, wanted, creds) == files
    assert not place.front.objects
    await place.server.put(name, {"f3.yaml": "changed", "f4.yaml": None, "new.yaml": "n"})
    files |= {"f3.yaml": "changed", "new.yaml": "n"}
    del files["f4.yaml"]
    assert await files_of(source, wanted, creds) == files
    assert sorted(place.front.objects) == [f"/{name}/f3.yaml", f"/{name}/new.yaml"]
    # A restart knows what it has.
    again = await opened(tmp_path)
    place.front.fresh()
    assert await files_of(again, wanted, creds) == files
    await place.server.put(name, {"f5.yaml": "5!"})
    assert await files_of(again, wanted, creds) == {**files, "f5.yaml": "5!"}
    assert place.front.objects == [f"/{name}/f5.yaml"]


async def test_a_revision_is_had_again_without_the_server_and_is_lost_otherwise(
    place: Place, source: BucketSource, name: str, tmp_path: Path
) -> None:
    await place.server.put(name, {"a": "1"})
    wanted, creds = spec(place.front.host, name), keys(place.server)
    first = await source.fetch(wanted, await source.resolve(wanted, creds), creds, NOTHING)
    await place.server.put(name, {"a": "2"})
    await files_of(source, wanted, creds)
    place.front.down = True
    again = await opened(tmp_path)
    known = await again.recall(wanted, first.revision, creds, NOTHING)
    assert known is not None and known.tree == first.tree
    with pytest.raises(SourceError, match="HTTP 503") as failed:
        await again.resolve(wanted, creds)
    assert failed.value.fault is Fault.UNREACHABLE and not failed.value.stalled
    place.front.down = False
    other = await opened(tmp_path / "other")
    with pytest.raises(SourceError, match="is there no more"):
        await other.fetch(wanted, first.revision, creds, NOTHING)
    assert await BucketProvider(other).resolve(wanted, creds, at=first.revision.digest) == first.revision


async def test_rules_leave_objects_out_of_revision_and_files(place: Place, source: BucketSource, name: str) -> None:
    files = {"app/a.yaml": "a", "app/b.yaml": "b", "docs/c.md": "c", "photo.png": "p"}
    await place.server.put(name, {**files, ".sourceignore": "*.md\napp/\n"})
    wanted, creds = spec(place.front.host, name, ignore="!app/a.yaml\n/photo.png"), keys(place.server)
    assert await source.resolve(wanted, creds) == Revision("", digest({"app/a.yaml": "a"}))
    assert await files_of(source, wanted, creds) == {"app/a.yaml": "a"}
    assert place.front.objects == [f"/{name}/app/a.yaml"]
    # What is left out changes nothing.
    before = await source.resolve(wanted, creds)
    await place.server.put(name, {"docs/c.md": "other"})
    assert await source.resolve(wanted, creds, fresh=True) == before


async def test_a_prefix_narrows_the_listing_and_keys_stay_whole(place: Place, source: BucketSource, name: str) -> None:
    await place.server.put(name, {"dev/a.yaml": "a", "prod/a.yaml": "b", "prod/../x": "never"})
    wanted = spec(place.server.host, name, prefix="dev/")
    assert await files_of(source, wanted, keys(place.server)) == {"dev/a.yaml": "a"}


HOSTILE = {
    "a path that leads out": ({"a/../../etc/passwd": "x"}, "is no path of a file"),
    "an absolute path": ({"/etc/passwd": "x"}, "is no path of a file"),
    "empty parts": ({"a//b": "x"}, "is no path of a file"),
    "Git's own folder": ({"a/.GIT/config": "x"}, "is no path of a file"),
    "a file that is a folder": ({"a": "x", "a/b": "y"}, "'a' is an object and a folder"),
    "deep folders": ({"d/" * 80 + "f": "x"}, "deeper than 64 folders"),
    "a large object": ({"large": "x" * 2000}, "too large at 'large'"),
    "much in all": ({f"f{number}": "x" * 900 for number in range(8)}, "too large at"),
    "many objects": ({f"f{number}": "" for number in range(12)}, "more than 10 objects"),
    "nothing": ({"folder/": ""}, "has no objects"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_what_cannot_be_files_is_refused_and_what_was_had_stays(
    place: Place, tmp_path: Path, name: str, case: str
) -> None:
    source = await opened(tmp_path, tree=5000, file=1000, files=10)
    await place.server.put(name, {"good.yaml": "good"})
    wanted, creds = spec(place.front.host, name), keys(place.server)
    good = await source.fetch(wanted, await source.resolve(wanted, creds), creds, NOTHING)
    bad, words = HOSTILE[case]
    await place.server.put(name, {**bad, "good.yaml": None})
    place.front.fresh()
    with pytest.raises(SourceError, match=words) as refused:
        await source.resolve(wanted, creds, fresh=True)
    assert refused.value.stalled is (case != "nothing")
    assert not place.front.objects
    known = await source.recall(wanted, good.revision, creds, NOTHING)
    assert known is not None and known.tree == good.tree
    # What is wrong may be left out by name.
    if "is no path" in words:
        await place.server.put(name, {"good.yaml": "good"})
        rules = spec(place.front.host, name, ignore="*\n!good.yaml")
        assert await files_of(source, rules, creds) == {"good.yaml": "good"}


async def test_wrong_keys_are_told_without_them_and_see_nothing(place: Place, source: BucketSource, name: str) -> None:
    await place.server.put(name, {"a": "1"})
    wanted, creds = spec(place.server.host, name), keys(place.server)
    revision = (await source.fetch(wanted, await source.resolve(wanted, creds), creds, NOTHING)).revision
    wrong = keys(place.server, secret="wrong-secret-key")
    assert await source.recall(wanted, revision, None, NOTHING) is None
    assert await source.recall(wanted, revision, wrong, NOTHING) is None
    for asked in (source.resolve(wanted, wrong), source.fetch(wanted, revision, wrong, NOTHING)):
        with pytest.raises(SourceError, match="check the keys") as refused:
            await asked
        assert refused.value.fault is Fault.CREDENTIALS
        assert "wrong-secret-key" not in str(refused.value) and place.server.access_key not in str(refused.value)


async def test_a_secret_without_both_keys_is_named(source: BucketSource) -> None:
    creds = SourceCredentials({"accesskey": b"a"}, secret="shop/keys")
    with pytest.raises(SourceError, match="'shop/keys' secret data: required fields 'accesskey' and 'secretkey'"):
        await source.resolve(spec("store.example", "bucket"), creds)


async def test_a_bucket_that_is_not_there_is_told(place: Place, source: BucketSource) -> None:
    with pytest.raises(SourceError, match="NoSuchBucket") as refused:
        await source.resolve(spec(place.server.host, "nowhere"), keys(place.server))
    assert refused.value.fault is Fault.NOT_FOUND


async def test_tls_is_checked_and_a_public_bucket_wants_no_keys(tmp_path: Path, source: BucketSource) -> None:
    async with buckets(tmp_path / "server", tls=True, public=True) as server:
        await server.make("secure")
        await server.put("secure", {"a": "1"})
        wanted = spec(server.host, "secure", insecure=False)
        assert await files_of(source, wanted, keys(server, ca=server.ca)) == {"a": "1"}
        anybody = SourceCredentials({"ca.crt": server.ca.encode()})
        assert await files_of(source, wanted, anybody) == {"a": "1"}
        with pytest.raises(SourceError, match="certificate is not trusted"):
            await source.resolve(wanted, keys(server))


async def test_an_object_that_changes_in_the_middle_is_fetched_with_the_next_listing(
    place: Place, source: BucketSource, name: str
) -> None:
    await place.server.put(name, {"a": "1", "b": "1"})
    wanted, creds = spec(place.front.host, name), keys(place.server)
    revision = await source.resolve(wanted, creds)

    async def change(path: str) -> None:
        if path.endswith("/b"):
            await place.server.put(name, {"b": "2"})

    place.front.during = change
    with pytest.raises(SourceError, match="'b' has changed while it was fetched") as failed:
        await source.fetch(wanted, revision, creds, NOTHING)
    assert not failed.value.stalled
    place.front.during = None
    assert await files_of(source, wanted, creds) == {"a": "1", "b": "2"}


async def test_an_object_that_is_gone_in_the_middle_is_told(place: Place, source: BucketSource, name: str) -> None:
    await place.server.put(name, {"a": "1", "b": "1"})
    wanted, creds = spec(place.front.host, name), keys(place.server)
    revision = await source.resolve(wanted, creds)
    await place.server.put(name, {"b": None})
    with pytest.raises(SourceError, match="'b' is gone while it was fetched"):
        await source.fetch(wanted, revision, creds, NOTHING)
    assert await files_of(source, wanted, creds) == {"a": "1"}


async def test_a_server_that_stops_in_the_middle_is_asked_again(place: Place, source: BucketSource, name: str) -> None:
    await place.server.put(name, {"a": "1" * 5000})
    wanted, creds = spec(place.front.host, name), keys(place.server)
    revision = await source.resolve(wanted, creds)
    place.front.stop = True
    with pytest.raises(SourceError) as failed:
        await source.fetch(wanted, revision, creds, NOTHING)
    assert not failed.value.stalled
    place.front.stop = False
    assert (await source.fetch(wanted, revision, creds, NOTHING)).tree
    assert not list(source.cache.settings.cache.rglob("*.part"))


def page(more: str, *keys: str, token: str = "") -> web.Response:
    objects = "".join(f"<Contents><Key>{key}</Key><ETag>e</ETag><Size>1</Size></Contents>" for key in keys)
    end = f"<IsTruncated>{more}</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
    return web.Response(text=f"<ListBucketResult>{end}{objects}</ListBucketResult>")


async def test_a_listing_without_an_end_is_given_up(place: Place, source: BucketSource, name: str) -> None:
    numbers = count()
    listings = {
        "the same page for ever": lambda: page("true", "a", token="same"),
        "pages of nothing": lambda: page("true", token=str(next(numbers))),
    }
    for answer in listings.values():
        place.front.instead = lambda request, answer=answer: answer() if request.query_string else None
        with pytest.raises(SourceError, match="has no end"):
            await source.resolve(spec(place.front.host, name), keys(place.server), fresh=True)
    few = await opened(source.cache.settings.cache, files=100)
    place.front.instead = lambda request: (
        page("true", *(f"k{next(numbers)}" for _ in range(50)), token=str(next(numbers)))
        if request.query_string
        else None
    )
    with pytest.raises(SourceError, match="more than 100 objects"):
        await few.resolve(spec(place.front.host, name), keys(place.server))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<html>Welcome</html>", "no listing"),
        ("welcome", "no store that speaks S3"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult>&b;</ListBucketResult>', "no store that speaks S3"),
        (
            "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></ListBucketResult>",
            "without a key, etag or size",
        ),
    ],
)
async def test_an_answer_that_is_no_listing_is_told(
    place: Place, source: BucketSource, name: str, text: str, words: str
) -> None:
    place.front.instead = lambda request: web.Response(text=text) if request.query_string else None
    with pytest.raises(SourceError, match=words):
        await source.resolve(spec(place.front.host, name), keys(place.server))


@pytest.mark.parametrize("led_to", ["http://169.254.169.254/latest", "http://127.0.0.1:9/x", "https://host.example/"])
async def test_nobody_is_led_anywhere(place: Place, source: BucketSource, name: str, led_to: str) -> None:
    place.front.instead = lambda request: web.Response(status=307, headers={"Location": led_to})
    with pytest.raises(SourceError, match="redirects are not followed"):
        await source.resolve(spec(place.front.host, name), keys(place.server))
    assert len(place.front.asked) == 1


async def test_a_server_that_names_another_region_is_asked_for_that_one(
    place: Place, source: BucketSource, name: str
) -> None:
    await place.server.put(name, {"a": "1"})

    def answer(request: web.Request) -> web.Response | None:
        if "/us-west-2/s3/" in request.headers.get("Authorization", ""):
            return None
        said = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>"
        return web.Response(status=400, text=said)

    place.front.instead = answer
    wanted, creds = spec(place.front.host, name), keys(place.server)
    assert await files_of(source, wanted, creds) == {"a": "1"}
    asked = len(place.front.asked)
    await source.resolve(wanted, creds, fresh=True)
    assert len(place.front.asked) == asked + 2


async def test_a_slow_server_is_given_up_in_time(place: Place, source: BucketSource, name: str) -> None:
    await place.server.put(name, {"a": "1"})
    wanted, creds = spec(place.front.host, name, timeout=0.5), keys(place.server)
    revision = await source.resolve(spec(place.front.host, name), creds)

    async def wait(path: str) -> None:
        await asyncio.Event().wait()

    place.front.during = wait
    with pytest.raises(SourceError, match="no answer within"):
        await source.fetch(wanted, revision, creds, NOTHING)
