"""Helm repositories on a real server and a real registry: charts are found and kept, what does harm is refused."""

from __future__ import annotations

import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from support.charts import Charts, chart, charts, config_chart
from support.registry import PASSWORD, USER, Registry, entry, registry, tarball
from trueup.core.model.artifact import Fault, IgnoreRules, Revision, SourceCredentials, SourceError
from trueup.core.model.objects import ObjectRef
from trueup.core.model.recipe import MissingDependency
from trueup.core.model.unit import Unit
from trueup.core.repository.helm import HelmSpec
from trueup.devtools.localcluster.certificates import Authority
from trueup.git.settings import GitSettings, Limits
from trueup.sources.cache import Cache
from trueup.sources.helm import FetchedCharts, HelmProvider, HelmSource, allowed_repositories, indexes
from trueup.sources.oci import OciSource
from trueup.sources.oci.manifests import CHART

NOTHING = IgnoreRules()


class Place(NamedTuple):
    pki: Path
    charts: Charts


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    pki = tmp_path_factory.mktemp("charts")
    async with charts(pki) as made:
        for version in ("1.0.0", "1.2.0", "1.3.0-rc.1", "2.0.0", "2.1.0-beta"):
            made.add("shop", version, config_chart("shop", version))
        yield Place(pki, made)


@pytest.fixture(autouse=True)
def behaved(place: Place) -> None:
    made = place.charts
    made.index, made.lead, made.down = None, {}, False
    for each in (made.stop, made.endless, made.silent):
        each.clear()
    made.asked.clear()
    made.authorizations.clear()


async def provider(folder: Path, **limits: int) -> HelmProvider:
    cache = Cache(GitSettings(cache=folder / "cache", poll_window=0, limits=Limits(**limits)))
    await cache.start()
    return HelmProvider(HelmSource(cache), OciSource(cache))


@pytest_asyncio.fixture(loop_scope="session")
async def helm(tmp_path: Path) -> HelmProvider:
    return await provider(tmp_path)


def login(made: Charts, password: str = PASSWORD) -> SourceCredentials:
    return SourceCredentials({"username": USER.encode(), "password": password.encode(), "ca.crt": made.ca.encode()})


def through(place: Place, name: str = "shop", version: str = "", **more: Any) -> tuple[HelmSpec, SourceCredentials]:
    return HelmSpec(place.charts.url, name, version, timeout=20.0, **more), login(place.charts)


async def test_the_latest_that_is_no_prerelease_is_taken_and_its_files_are_given(
    place: Place, helm: HelmProvider
) -> None:
    for text in ("", "*"):
        wanted, creds = through(place, version=text, unwrap=True)
        revision = await helm.resolve(wanted, creds)
        assert (revision.name, revision.version, revision.digest[:6]) == ("2.0.0", "2.0.0", "chart:")
    found = await helm.fetch(wanted, revision, creds, NOTHING)
    assert (await helm.ids(found)).names(".") == ("Chart.yaml", "prod.yaml", "templates/", "values.yaml")
    async with helm.checkout(found) as held:
        assert "version: 2.0.0" in (held.path / "Chart.yaml").read_text()
    assert found.provenance.subject == "shop 2.0.0"
    wrapped, _ = through(place)
    assert (await helm.ids(await helm.fetch(wrapped, revision, creds, NOTHING))).names(".") == ("shop/",)


async def test_ranges_versions_and_prereleases_are_read_as_helm_does(place: Place, helm: HelmProvider) -> None:
    expected = {
        "1.x": "1.2.0",
        "^1.0": "1.2.0",
        "1.0.0": "1.0.0",
        ">=1.0.0-0 <2.0.0-0": "1.3.0-rc.1",
        "2.1.0-beta": "2.1.0-beta",
    }
    for text, version in expected.items():
        wanted, creds = through(place, version=text)
        assert (await helm.resolve(wanted, creds)).name == version, text
    wanted, creds = through(place)
    assert (await helm.resolve(wanted, creds, "1.0.0")).name == "1.0.0"
    revision = await helm.resolve(wanted, creds, "1.2.0")
    assert await helm.resolve(wanted, creds, str(revision)) == revision


async def test_a_version_or_chart_that_is_not_there_is_told_with_what_there_is(
    place: Place, helm: HelmProvider
) -> None:
    wanted, creds = through(place, version="3.x")
    with pytest.raises(SourceError, match=r"no version that fits '3.x'; the newest are 2.1.0-beta, 2.0.0, 1.3.0-rc.1"):
        await helm.resolve(wanted, creds)
    wanted, creds = through(place, "shopp")
    with pytest.raises(SourceError, match="no chart 'shopp'; did you mean 'shop'") as refused:
        await helm.resolve(wanted, creds)
    assert refused.value.fault is Fault.REF and not refused.value.stalled
    wanted, creds = through(place, version="newest")
    with pytest.raises(SourceError, match="no version range; write a version") as refused:
        await helm.resolve(wanted, creds)
    assert refused.value.stalled
    wanted, creds = through(place, "../etc")
    with pytest.raises(SourceError, match="no name of a chart"):
        await helm.resolve(wanted, creds)


async def test_an_index_that_did_not_change_costs_one_request_also_after_a_restart(
    place: Place, helm: HelmProvider, tmp_path: Path
) -> None:
    wanted, creds = through(place)
    first = await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    place.charts.asked.clear()
    again = await provider(tmp_path)
    assert (await again.fetch(wanted, await again.resolve(wanted, creds), creds, NOTHING)).tree == first.tree
    assert place.charts.asked == [("index.yaml", 304)]
    # One that no mark tells apart is downloaded, and not read again.
    place.charts.etag = False
    try:
        other = await provider(tmp_path / "other")
        for _ in range(2):
            await other.resolve(wanted, creds)
        assert len(list((tmp_path / "other/cache/indexes").glob("*/charts.db"))) == 1
    finally:
        place.charts.etag = True


async def test_what_was_delivered_is_recalled_by_its_version_without_network(
    place: Place, helm: HelmProvider, tmp_path: Path
) -> None:
    wanted, creds = through(place, version="1.x")
    found = await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    again = await provider(tmp_path)
    place.charts.asked.clear()
    recalled = await again.recall(wanted, wanted.remembered("1.2.0"), creds, NOTHING)
    assert recalled == found and not place.charts.asked
    assert await again.recall(wanted, Revision("9.9.9", ""), creds, NOTHING) is None
    for other in (login(place.charts, "wrong-password"), None):
        assert await again.recall(wanted, Revision("1.2.0", ""), other, NOTHING) is None


async def test_the_index_itself_is_a_source(place: Place, helm: HelmProvider) -> None:
    wanted, creds = HelmSpec(place.charts.url), login(place.charts)
    found = await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    assert found.single == "index.yaml"
    async with helm.checkout(found) as held:
        assert (held.path / found.single).read_bytes() == place.charts.content()
    assert await helm.recall(wanted, found.revision, creds, NOTHING) == found


async def test_wrong_credentials_and_foreign_or_expired_certificates_are_told(place: Place, helm: HelmProvider) -> None:
    wanted, creds = through(place)
    with pytest.raises(SourceError, match="the credentials were refused") as refused:
        await helm.resolve(wanted, login(place.charts, "wrong-password"))
    assert refused.value.fault is Fault.CREDENTIALS and "wrong-password" not in str(refused.value)
    ca = SourceCredentials({"ca.crt": place.charts.ca.encode()})
    with pytest.raises(SourceError, match="lets nobody in without any"):
        await helm.resolve(wanted, ca)
    with pytest.raises(SourceError, match="certificate is not trusted"):
        await helm.resolve(wanted, None)
    unverified = SourceCredentials({"username": USER.encode(), "password": PASSWORD.encode(), "insecure": b"true"})
    assert (await helm.resolve(wanted, unverified)).name == "2.0.0"
    async with charts(place.pki, expired=True) as old:
        with pytest.raises(SourceError, match=r"certificate is not trusted.*expired"):
            await helm.resolve(HelmSpec(old.url, "shop"), creds)


BAD_INDEXES = {
    "a page": (b"<html><body>Sign in</body></html>", "no index of a Helm repository"),
    "garbage": (bytes(range(256)) * 40, "no index of a Helm repository"),
    "nothing": (b"", "it is no mapping"),
    "no version": (b"entries: {}\n", "it has no apiVersion"),
    "no entries": (b"apiVersion: v1\n", "it has no entries"),
    "aliases": (b"apiVersion: v1\nentries:\n  a:\n  - version: &v 1.0.0\n    digest: *v\n    urls: [a]\n", "aliases"),
    "half": (b"apiVersion: v1\nentries:\n  a:\n  - version: '1", "no index of a Helm repository"),
    "long names": (b"apiVersion: v1\nentries:\n  a:\n  - urls: [" + b"x" * 5000 + b"]\n", "more than 2048 signs"),
    "many": (
        b"apiVersion: v1\nentries:\n  a:\n" + b"  - {version: 1.0.0, urls: [a]}\n" * 3000,
        "more than 2000 versions",
    ),
}


@pytest.mark.parametrize("case", BAD_INDEXES)
async def test_an_index_that_is_none_is_told_and_takes_nothing_away(
    place: Place, helm: HelmProvider, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(indexes, "ENTRIES_LIMIT", 2000)
    wanted, creds = through(place)
    good = await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    place.charts.index, words = BAD_INDEXES[case]
    with pytest.raises(SourceError, match=words) as refused:
        await helm.resolve(wanted, creds, fresh=True)
    assert refused.value.stalled
    assert await helm.recall(wanted, good.revision, creds, NOTHING) == good
    place.charts.index = None
    assert await helm.resolve(wanted, creds, fresh=True) == good.revision


async def test_an_index_without_end_and_a_server_that_says_nothing_are_bounded(
    place: Place, helm: HelmProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "INDEX_LIMIT", 4 * 2**20)
    wanted, creds = through(place)
    place.charts.endless.add("index.yaml")
    with pytest.raises(SourceError, match=r"more than 4.0 MiB") as refused:
        await helm.resolve(wanted, creds)
    assert refused.value.fault is Fault.TOO_LARGE
    place.charts.endless.clear()
    place.charts.silent.add("index.yaml")
    with pytest.raises(SourceError, match="no answer within 1 s"):
        await helm.resolve(HelmSpec(place.charts.url, "shop", timeout=1.0), creds)


async def test_a_server_that_stops_in_the_middle_is_told_and_asked_again(place: Place, helm: HelmProvider) -> None:
    archive = chart("stops", "1.0.0", {"big": bytes(range(256)) * 1000})
    place.charts.add("stops", "1.0.0", archive)
    wanted, creds = through(place, "stops")
    revision = await helm.resolve(wanted, creds)
    place.charts.stop.add("charts/stops-1.0.0.tgz")
    with pytest.raises(SourceError) as stopped:
        await helm.fetch(wanted, revision, creds, NOTHING)
    assert stopped.value.fault is Fault.UNREACHABLE
    place.charts.stop.clear()
    assert (await helm.fetch(wanted, revision, creds, NOTHING)).tree
    place.charts.stop.add("index.yaml")
    place.charts.add("stops", "1.1.0", archive)
    with pytest.raises(SourceError):
        await helm.resolve(wanted, creds)


BAD_ARCHIVES = {
    "garbage": (b"this is no tarball" * 40, "is no tarball"),
    "out": (tarball({"web/../../etc/passwd": "x"}), "leads out"),
    "link": (tarball({}, entry("web/a", tarfile.SYMTYPE, "../../etc")), "the link 'web/a' leads out"),
    "hard": (tarball({"web/b": "x"}, entry("web/a", tarfile.LNKTYPE, "web/b")), "hard link"),
    "device": (tarball({}, entry("web/null", tarfile.CHRTYPE)), "neither a file"),
    "bomb": (tarball({"web/zeros": bytes(40 * 2**20)}), "too large at 'web/zeros'"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
async def test_an_archive_that_does_harm_is_refused_and_not_fetched_again(
    place: Place, tmp_path: Path, case: str
) -> None:
    helm = await provider(tmp_path, tree=32 * 2**20, file=16 * 2**20, files=1000)
    archive, words = BAD_ARCHIVES[case]
    place.charts.add(f"bad-{case}", "1.0.0", archive)
    wanted, creds = through(place, f"bad-{case}")
    revision = await helm.resolve(wanted, creds)
    for _ in range(2):
        with pytest.raises(SourceError, match=words) as refused:
            await helm.fetch(wanted, revision, creds, NOTHING)
        assert refused.value.stalled
    assert [path for path, _ in place.charts.asked].count(f"charts/bad-{case}-1.0.0.tgz") == 1
    other, _ = through(place)
    assert (await helm.fetch(other, await helm.resolve(other, creds), creds, NOTHING)).tree


async def test_an_archive_with_another_digest_than_the_index_says_is_refused(place: Place, helm: HelmProvider) -> None:
    place.charts.add("swapped", "1.0.0", config_chart("swapped", "1.0.0"), digest="0" * 64)
    wanted, creds = through(place, "swapped")
    with pytest.raises(SourceError, match="and the index says sha256:0000") as refused:
        await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    assert refused.value.fault is Fault.HOSTILE


async def test_an_archive_without_a_digest_in_the_index_is_taken(place: Place, helm: HelmProvider) -> None:
    place.charts.add("plain", "1.0.0", config_chart("plain", "1.0.0"), digest="")
    wanted, creds = through(place, "plain")
    assert (await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)).tree


async def test_an_archive_that_is_not_there_is_told(place: Place, helm: HelmProvider) -> None:
    place.charts.add("gone", "1.0.0", b"", urls=["charts/nowhere.tgz"])
    wanted, creds = through(place, "gone")
    with pytest.raises(SourceError, match=r"HTTP 404 for https://.*/charts/nowhere.tgz.*names an archive"):
        await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)
    with pytest.raises(SourceError, match=r"its index.yaml must lie there") as refused:
        await helm.resolve(HelmSpec(f"{place.charts.url}/none", "gone"), creds)
    assert refused.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize("led", ["http://169.254.169.254/latest", "https://[::1]:9/x", "ftp://host/x"])
async def test_nobody_is_led_to_metadata_or_elsewhere_on_this_machine(
    place: Place, helm: HelmProvider, led: str
) -> None:
    place.charts.add("led", "1.0.0", config_chart("led", "1.0.0"))
    wanted, creds = through(place, "led")
    revision = await helm.resolve(wanted, creds)
    place.charts.lead["charts/led-1.0.0.tgz"] = led
    with pytest.raises(SourceError, match="not followed"):
        await helm.fetch(wanted, revision, creds, NOTHING)
    place.charts.add("named", "1.0.0", b"", urls=[led])
    wanted, creds = through(place, "named")
    with pytest.raises(SourceError, match=r"not fetched|not followed"):
        await helm.fetch(wanted, await helm.resolve(wanted, creds), creds, NOTHING)


async def test_another_host_gets_credentials_only_where_that_is_said(place: Place, helm: HelmProvider) -> None:
    async with charts(place.pki, login=False) as other:
        archive = config_chart("far", "1.0.0")
        other.add("far", "1.0.0", archive)
        url = f"{other.url}/charts/far-1.0.0.tgz"
        place.charts.add("far", "1.0.0", archive, urls=[url])
        wanted, creds = through(place, "far")
        revision = await helm.resolve(wanted, creds)
        await helm.fetch(wanted, revision, creds, NOTHING)
        assert other.asked and not any(other.authorizations)
        place.charts.add("near", "1.0.0", archive)
        place.charts.lead["charts/near-1.0.0.tgz"] = url
        near, _ = through(place, "near")
        await helm.fetch(near, await helm.resolve(near, creds), creds, NOTHING)
        assert len(other.asked) == 2 and not any(other.authorizations)
        other.login = True
        place.charts.add("passed", "1.0.0", archive, urls=[url])
        passed, _ = through(place, "passed", pass_credentials=True)
        await helm.fetch(passed, await helm.resolve(passed, creds), creds, NOTHING)
        assert other.authorizations[-1].startswith("Basic ")


async def test_the_proxy_of_the_environment_counts_unless_it_is_to_be_passed_by(
    place: Place, helm: HelmProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    wanted, creds = through(place)
    with pytest.raises(SourceError, match=r"127.0.0.1:9") as refused:
        await helm.resolve(wanted, creds)
    assert refused.value.fault is Fault.UNREACHABLE
    monkeypatch.setenv("no_proxy", "localhost")
    assert (await helm.resolve(wanted, creds)).name == "2.0.0"


async def test_a_client_certificate_lets_in(place: Place, helm: HelmProvider) -> None:
    async with charts(place.pki, login=False, clients=True) as closed:
        closed.add("shop", "1.0.0", config_chart("shop", "1.0.0"))
        wanted = HelmSpec(closed.url, "shop")
        pair = Authority(place.pki, "charts-ca").client("reader", "reader", ())
        own = {"tls.crt": pair.certificate.read_bytes(), "tls.key": pair.key.read_bytes()}
        creds = SourceCredentials({"ca.crt": closed.ca.encode(), **own})
        assert (await helm.resolve(wanted, creds)).name == "1.0.0"
        with pytest.raises(SourceError):
            await helm.resolve(wanted, SourceCredentials({"ca.crt": closed.ca.encode()}))
        broken = SourceCredentials({"ca.crt": closed.ca.encode(), "tls.crt": b"no certificate", "tls.key": b"x"})
        with pytest.raises(SourceError, match="must be in PEM"):
            await helm.resolve(wanted, broken)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("charts.example.com", "must begin with https://"),
        ("file:///etc", "must begin with https://"),
        ("https://user:secret@charts.example.com", "give the credentials by a Secret"),
        ("https://", "names no host"),
        ("https://charts.example.com/a b", "holds blanks"),
        ("https://charts.example.com:99999", "cannot be read"),
    ],
)
async def test_a_url_that_is_none_is_told(helm: HelmProvider, url: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        await helm.resolve(HelmSpec(url, "shop"), None)
    assert refused.value.fault is Fault.URL and "secret@" not in str(refused.value)


# ----------------------------------------------------------------------------------------------- dependencies

UNIT = Unit(ObjectRef("argoproj.io", "Application", "argocd", "shop"), "u", 1, (), "d", project="shop")


async def test_dependencies_come_from_repositories_that_are_declared_or_allowed(
    place: Place, helm: HelmProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    async def declared(url: str, project: str) -> tuple[str, SourceCredentials | None] | None:
        asked.append((url, project))
        return (place.charts.url, login(place.charts)) if url == "@stable" else None

    def lacking(repository: str, version: str = "1.x", name: str = "shop") -> list[MissingDependency]:
        return [MissingDependency(name, version, repository)]

    fetched = FetchedCharts(helm, declared)
    (found,) = await fetched.fetch(UNIT, lacking("@stable"))
    assert found.revision.name == "1.2.0" and asked == [("@stable", "shop")]
    assert "Chart.yaml" in ((await helm.ids(found)).names(".") or ())
    place.charts.down = True
    assert await fetched.fetch(UNIT, lacking("@stable")) == (found,)
    assert await fetched.fetch(UNIT, lacking("@stable", "1.2.0")) == (found,)
    with pytest.raises(SourceError, match=r"dependency shop ~1.0 from @stable: .*HTTP 503"):
        await fetched.fetch(UNIT, lacking("@stable", "~1.0"))
    place.charts.down = False
    with pytest.raises(SourceError, match="which is not declared for units of project shop: declare it by a Secret"):
        await fetched.fetch(UNIT, lacking(place.charts.url))
    with pytest.raises(SourceError, match="names no repository"):
        await fetched.fetch(UNIT, lacking(""))
    with pytest.raises(SourceError, match="at most 20"):
        await fetched.fetch(UNIT, lacking("@stable") * 21)
    with pytest.raises(SourceError, match=r"no name of a chart"):
        await fetched.fetch(UNIT, lacking("@stable", name="../etc"))
    async with charts(place.pki, login=False) as open_to_all:
        open_to_all.add("shop", "5.0.0", config_chart("shop", "5.0.0"))
        monkeypatch.setenv("TRUEUP_CHART_REPOSITORIES", f"https://other.example, {open_to_all.url}/")
        allowed = FetchedCharts(helm, declared, allowed_repositories())
        # It is asked without credentials, and so without the CA of a Secret.
        with pytest.raises(SourceError, match="certificate is not trusted"):
            await allowed.fetch(UNIT, lacking(open_to_all.url))


# ------------------------------------------------------------------------------------------------- registries


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Registry]:
    async with registry(tmp_path_factory.mktemp("registry")) as made:
        for version in ("1.0.0", "1.4.0", "2.0.0-rc.1", "1.5.0+b.1"):
            layer = config_chart("shop", version)
            await made.push("charts/shop", version.replace("+", "_"), layer=layer, media_type=CHART)
        yield made


def of_registry(hub: Registry, version: str = "", **more: Any) -> tuple[HelmSpec, SourceCredentials]:
    config = {"auths": {hub.host: {"username": USER, "password": PASSWORD}}}
    creds = SourceCredentials({".dockerconfigjson": json.dumps(config).encode(), "ca.crt": hub.ca.encode()})
    return HelmSpec(f"oci://{hub.host}/charts", "shop", version, **more), creds


async def test_a_chart_of_a_registry_is_found_by_its_tags(hub: Registry, helm: HelmProvider, tmp_path: Path) -> None:
    expected = {
        "": "1.5.0+b.1",
        "~1.4": "1.4.0",
        "1.0.0": "1.0.0",
        "v1.0.0": "1.0.0",
        "1.5.0+b.1": "1.5.0+b.1",
        "2.0.0-rc.1": "2.0.0-rc.1",
    }
    for text, version in expected.items():
        wanted, creds = of_registry(hub, text, unwrap=True)
        revision = await helm.resolve(wanted, creds)
        assert revision.version == version, text
    found = await helm.fetch(wanted, revision, creds, NOTHING)
    assert "Chart.yaml" in ((await helm.ids(found)).names(".") or ())
    again = await provider(tmp_path)
    recalled = await again.recall(wanted, Revision(revision.name, ""), creds, NOTHING)
    assert recalled is not None and recalled.revision == revision and recalled.tree == found.tree
    wanted, _ = of_registry(hub, "7.0.0")
    with pytest.raises(SourceError, match=r"the newest versions are 2.0.0-rc.1, 1.5.0_b.1, 1.4.0"):
        await helm.resolve(wanted, creds)
