"""OCI sources on a real registry: what is wanted is found, kept and told; what does harm is refused by name."""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from support.registry import ARGO_LAYER, FLUX_LAYER, PASSWORD, USER, Front, Registry, entry, front, registry, tarball
from trueup.core.model.artifact import Fault, IgnoreRules, Revision, SourceCredentials, SourceError
from trueup.core.repository.oci import OciRef, OciSpec
from trueup.git.settings import GitSettings, Limits
from trueup.sources.cache import Cache
from trueup.sources.oci import OciSource
from trueup.sources.oci.manifests import CHART

NOTHING, FLUX_RULES = IgnoreRules(), IgnoreRules(True)
FILES = {"app/map.yaml": "kind: ConfigMap\n", "photo.png": "p", "run.sh": "echo"}


class Place(NamedTuple):
    registry: Registry
    front: Front


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with registry(tmp_path_factory.mktemp("registry")) as made, front(made) as before:
        yield Place(made, before)


@pytest_asyncio.fixture(loop_scope="session")
async def oci(tmp_path: Path) -> OciSource:
    return await source(tmp_path)


async def source(folder: Path, **limits: int) -> OciSource:
    cache = Cache(GitSettings(cache=folder / "cache", poll_window=0, limits=Limits(**limits)))
    await cache.start()
    return OciSource(cache)


def login(host: str, ca: str = "", password: str = PASSWORD) -> SourceCredentials:
    config = {"auths": {host: {"username": USER, "password": password}}}
    data = {".dockerconfigjson": json.dumps(config).encode()}
    return SourceCredentials(data | ({"ca.crt": ca.encode()} if ca else {}))


def spec(
    host: str, name: str, *, insecure: bool = False, only: bool = False, timeout: float = 30.0, **ref: str
) -> OciSpec:
    return OciSpec(f"oci://{host}/{name}", OciRef(**ref), only=only, insecure=insecure, timeout=timeout)


def through(place: Place, name: str, **ref: str) -> tuple[OciSpec, SourceCredentials]:
    return spec(place.front.host, name, insecure=True, **ref), login(place.front.host)


@pytest.fixture(autouse=True)
def behaved(place: Place) -> None:
    place.front.stop_blobs, place.front.lead_blobs, place.front.down = False, "", False
    place.front.asked.clear()
    place.front.authorizations.clear()


async def test_a_tag_is_found_over_tls_and_its_files_are_given(place: Place, oci: OciSource) -> None:
    origin = {
        "org.opencontainers.image.source": "https://git.example/shop",
        "org.opencontainers.image.revision": "main@sha1:" + "a" * 40,
        "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
    }
    digest = await place.registry.push("team/app", "1.0.0", FILES, annotations=origin)
    wanted, creds = spec(place.registry.host, "team/app", tag="1.0.0"), login(place.registry.host, place.registry.ca)
    revision = await oci.resolve(wanted, creds)
    assert str(revision) == f"1.0.0@{digest}"
    found = await oci.fetch(wanted, revision, creds, FLUX_RULES)
    assert found.provenance.id == "a" * 40 and found.metadata == origin
    async with oci.cache.checkout(found) as held:
        assert sorted(path.name for path in held.path.rglob("*") if path.is_file()) == ["map.yaml", "run.sh"]


async def test_a_range_takes_the_highest_tag_that_the_filter_leaves(place: Place, oci: OciSource) -> None:
    for tag in ("1.0.0", "1.2.0", "1.3.0-rc.1", "2.0.0"):
        await place.registry.push("team/range", tag, {"v": tag})
    wanted, creds = through(place, "team/range", semver="1.x")
    assert (await oci.resolve(wanted, creds)).name == "1.2.0"
    wanted, creds = through(place, "team/range", semver=">=1.0.0-0", semver_filter=".*-rc.*")
    assert (await oci.resolve(wanted, creds)).name == "1.3.0-rc.1"
    wanted, creds = through(place, "team/range", semver="^3")
    with pytest.raises(SourceError, match="no match found for semver"):
        await oci.resolve(wanted, creds)


async def test_a_poll_is_a_question_for_the_digest_alone_and_a_tag_that_moves_is_seen(
    place: Place, oci: OciSource
) -> None:
    first = await place.registry.push("team/moves", "latest", {"a": "1"})
    wanted, creds = through(place, "team/moves")
    before = await oci.fetch(wanted, await oci.resolve(wanted, creds), creds, NOTHING)
    place.front.asked.clear()
    assert (await oci.resolve(wanted, creds)).digest == first
    assert place.front.asked == [("HEAD", "/v2/team/moves/manifests/latest")]
    second = await place.registry.push("team/moves", "latest", {"a": "1"}, annotations={"built": "again"})
    moved = await oci.resolve(wanted, creds)
    assert moved.digest == second != first
    # The same files are the same tree: nothing is rendered for them.
    assert (await oci.fetch(wanted, moved, creds, NOTHING)).tree == before.tree


async def test_a_digest_is_asked_for_once_and_known_after_a_restart(
    place: Place, oci: OciSource, tmp_path: Path
) -> None:
    digest = await place.registry.push("team/pinned", "x", {"a": "1"})
    wanted, creds = through(place, "team/pinned", digest=digest)
    revision = await oci.resolve(wanted, creds)
    assert revision == Revision("", digest)
    tree = (await oci.fetch(wanted, revision, creds, NOTHING)).tree
    again = await source(tmp_path)
    place.front.asked.clear()
    recalled = await again.recall(wanted, revision, creds, NOTHING)
    assert recalled is not None and recalled.tree == tree and recalled.metadata == {}
    assert (await again.fetch(wanted, await again.resolve(wanted, creds), creds, NOTHING)).tree == tree
    assert place.front.asked == []


async def test_what_one_may_read_is_not_given_to_another(place: Place, oci: OciSource) -> None:
    digest = await place.registry.push("team/private", "x", {"a": "1"})
    wanted, creds = through(place, "team/private", digest=digest)
    revision = await oci.resolve(wanted, creds)
    await oci.fetch(wanted, revision, creds, NOTHING)
    wrong = login(place.front.host, password="wrong-password")
    for other in (wrong, None):
        assert await oci.recall(wanted, revision, other, NOTHING) is None
        with pytest.raises(SourceError) as refused:
            await oci.fetch(wanted, revision, other, NOTHING)
        assert refused.value.fault is Fault.CREDENTIALS and "wrong-password" not in str(refused.value)


BAD = {
    "garbage": (b"this is no tarball" * 40, "is no tarball"),
    "a path that leads out": (tarball({"../../etc/passwd": "x"}), "leads out"),
    "an absolute path": (tarball({"/etc/passwd": "x"}), "leads out"),
    "a link that leads out": (tarball({}, entry("a", tarfile.SYMTYPE, "../../etc")), "the link 'a' leads out"),
    "a hard link": (tarball({"b": "x"}, entry("a", tarfile.LNKTYPE, "b")), "hard link"),
    "a device": (tarball({}, entry("null", tarfile.CHRTYPE)), "neither a file"),
    "nothing": (tarball({}), "holds no files"),
    "Git's own folder": (tarball({".git/config": "x"}), "leads out"),
    "a bomb": (tarball({"zeros": bytes(40 * 2**20)}), "too large at 'zeros'"),
    "many entries": (tarball({f"f{number}": "" for number in range(2000)}), "more than 1000 entries"),
    "deep folders": (tarball({"d/" * 80 + "f": "x"}), "deeper than"),
    "half of a tarball": (tarball({"a": bytes(range(256)) * 4096})[:1000], "no tarball"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_layer_that_does_harm_is_refused_and_not_fetched_again(place: Place, tmp_path: Path, case: str) -> None:
    oci = await source(tmp_path, tree=32 * 2**20, file=16 * 2**20, files=1000)
    layer, words = BAD[case]
    name = "bad/" + "".join(sign for sign in case.lower() if sign.isalpha())
    await place.registry.push(name, "latest", layer=layer)
    wanted, creds = through(place, name)
    revision = await oci.resolve(wanted, creds)
    for _ in range(2):
        with pytest.raises(SourceError, match=words) as refused:
            await oci.fetch(wanted, revision, creds, NOTHING)
        assert refused.value.stalled
    assert len([path for _, path in place.front.asked if "/blobs/" in path and name in path]) == 1
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size > 2**20]
    assert not left


async def test_a_registry_that_stops_in_the_middle_is_told_and_asked_again(place: Place, oci: OciSource) -> None:
    await place.registry.push("team/stops", "latest", {"a": bytes(range(256)) * 256})
    wanted, creds = through(place, "team/stops")
    revision = await oci.resolve(wanted, creds)
    place.front.stop_blobs = True
    with pytest.raises(SourceError) as stopped:
        await oci.fetch(wanted, revision, creds, NOTHING)
    assert not stopped.value.stalled
    place.front.stop_blobs = False
    assert (await oci.fetch(wanted, revision, creds, NOTHING)).tree


@pytest.mark.parametrize("place_led_to", ["http://169.254.169.254/latest", "http://[::1]:9/x", "ftp://host/x"])
async def test_nobody_is_led_to_metadata_or_elsewhere_on_this_machine(
    place: Place, oci: OciSource, place_led_to: str
) -> None:
    await place.registry.push("team/led", "latest", {"a": "1"})
    wanted, creds = through(place, "team/led")
    revision = await oci.resolve(wanted, creds)
    place.front.lead_blobs = place_led_to
    with pytest.raises(SourceError, match="not followed"):
        await oci.fetch(wanted, revision, creds, NOTHING)


async def test_credentials_do_not_go_along_to_another_host(place: Place, oci: OciSource) -> None:
    await place.registry.push("team/elsewhere", "latest", {"a": "1"})
    async with front(place.registry) as other:
        wanted, creds = through(place, "team/elsewhere")
        revision = await oci.resolve(wanted, creds)
        place.front.lead_blobs = f"http://{other.host}/v2/team/elsewhere/blobs/x"
        with pytest.raises(SourceError):
            await oci.fetch(wanted, revision, creds, NOTHING)
        assert other.asked and not any(other.authorizations)


async def test_a_foreign_certificate_is_refused(place: Place, oci: OciSource) -> None:
    wanted = spec(place.registry.host, "team/app", tag="1.0.0")
    with pytest.raises(SourceError, match="certificate is not trusted"):
        await oci.resolve(wanted, login(place.registry.host))


async def test_a_chart_is_given_without_its_folder_where_only_one_layer_may_be(place: Place, oci: OciSource) -> None:
    files = {"web/Chart.yaml": "name: web\n", "web/templates/a.yaml": "kind: ConfigMap\n"}
    await place.registry.push("team/chart", "1.0.0", files, media_type=CHART)
    creds = login(place.front.host)
    wanted = spec(place.front.host, "team/chart", insecure=True, only=True, revision="1.*")
    found = await oci.fetch(wanted, await oci.resolve(wanted, creds), creds, NOTHING)
    assert (await oci.cache.tree(found)).names(".") == ("Chart.yaml", "templates/")
    await place.registry.push("team/other", "1.0.0", files, media_type=FLUX_LAYER)
    wanted = spec(place.front.host, "team/other", insecure=True, only=True, revision="1.0.0")
    with pytest.raises(SourceError, match=f"not in the list of allowed media types.*{ARGO_LAYER.replace('+', '.')}"):
        await oci.fetch(wanted, await oci.resolve(wanted, creds), creds, NOTHING)


async def test_a_tag_that_is_not_there_is_told(place: Place, oci: OciSource) -> None:
    await place.registry.push("team/tags", "1.0.0", {"a": "1"})
    wanted, creds = through(place, "team/tags", tag="none")
    with pytest.raises(SourceError, match="MANIFEST_UNKNOWN") as refused:
        await oci.resolve(wanted, creds)
    assert refused.value.fault is Fault.REF and not refused.value.stalled
