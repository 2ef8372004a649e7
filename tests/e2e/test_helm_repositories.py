"""Charts of Helm repositories are delivered for Applications, stored for Flux, and told as upstream tells them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import pytest_asyncio
import yaml

from support.charts import Charts, charts, config_chart
from support.commands import run_trueup
from support.cosign_signing import key_pair, push_simple, sign
from support.e2e import APPLICATION, World, application, condition, eventually, says, synced, working
from support.registry import PASSWORD, USER, Registry, registry
from trueup.core.model.objects import Body
from trueup.runtime.controller import Controller
from trueup.sources.oci.manifests import CHART

MAPS = ("", "ConfigMap")
SOURCES = ("source.toolkit.fluxcd.io", "GitRepository")
REPOSITORIES = ("source.toolkit.fluxcd.io", "HelmRepository")
CHARTS = ("source.toolkit.fluxcd.io", "HelmChart")
ARGO, WHERE = "argocd", "flux-system"


class Hub(NamedTuple):
    charts: Charts
    registry: Registry


def secret(name: str, url: str, /, **data: str) -> str:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": ARGO, "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {"type": "helm", "url": url, "username": USER, "password": PASSWORD, "insecure": "true", **data},
    }
    return yaml.safe_dump(body)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    async with charts(folder / "charts") as served, registry(folder / "registry") as made:
        await world.apply(secret("charts", served.url))
        await world.apply(secret("registry", f"{made.host}/charts", enableOCI="true"))
        yield Hub(served, made)


def shows(value: str, version: str) -> Any:
    return lambda body: ((body or {}).get("data") or {}) == {"value": value, "version": version}


def of_charts(name: str, url: str, **source: Any) -> str:
    body = yaml.safe_load(application(name, url, "", name, **{"chart": "web", **source}))
    del body["spec"]["source"]["path"]
    return yaml.safe_dump(body)


async def asked(world: World, name: str) -> None:
    """Have an Application's sources asked now."""
    await world.patch(APPLICATION, ARGO, name, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})


async def test_a_chart_is_delivered_by_its_version_and_a_newer_one_after_it(world: World, hub: Hub) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        hub.charts.add("web", version, config_chart("web", version))
    await world.apply(of_charts("ranged", hub.charts.url, targetRevision="1.x"))
    body = await world.until(APPLICATION, ARGO, "ranged", synced)
    assert body["status"]["sync"]["revision"] == "1.1.0" and body["status"]["sourceType"] == "Helm"
    assert body["status"]["history"][-1]["revision"] == "1.1.0"
    await world.until(MAPS, "ranged", "ranged", shows("own", "1.1.0"))
    hub.charts.add("web", "1.2.0", config_chart("web", "1.2.0"))
    await asked(world, "ranged")
    await world.until(MAPS, "ranged", "ranged", shows("own", "1.2.0"))
    body = await world.until(APPLICATION, ARGO, "ranged", lambda body: synced(body, "1.2.0"))
    told = await run_trueup(world.cluster, "diff", "app/ranged", "--revision", "1.0.0")
    assert told.code == 1 and "1.0.0" in told.out, told
    earlier = next(item for item in body["status"]["history"] if item["revision"] == "1.1.0")
    done = await run_trueup(world.cluster, "rollback", "app/ranged", "--to", str(earlier["id"]))
    assert done.code == 0, done
    await world.until(MAPS, "ranged", "ranged", shows("own", "1.1.0"))
    assert (await run_trueup(world.cluster, "unpin", "app/ranged")).code == 0
    await world.until(MAPS, "ranged", "ranged", shows("own", "1.2.0"))


async def test_options_and_value_files_of_the_chart_and_of_a_git_source_count(world: World, hub: Hub) -> None:
    hub.charts.add("web", "1.0.0", config_chart("web", "1.0.0"))
    helm = {"releaseName": "named", "valueFiles": ["prod.yaml"]}
    await world.apply(of_charts("filed", hub.charts.url, targetRevision="1.0.0", helm=helm))
    await world.until(MAPS, "filed", "named", shows("production", "1.0.0"))
    git = world.repository("helm/values", {"prod/values.yaml": "value: from git\n"})
    body: dict[str, Any] = yaml.safe_load(of_charts("several", hub.charts.url))
    del body["spec"]["source"]
    body["spec"]["sources"] = [
        {
            "repoURL": hub.charts.url,
            "chart": "web",
            "targetRevision": "1.0.0",
            "helm": {"valueFiles": ["$values/prod/values.yaml"]},
        },
        {"repoURL": "https://github.com/helm/values", "targetRevision": "main", "ref": "values"},
    ]
    await world.apply(yaml.safe_dump(body))
    await world.until(MAPS, "several", "several", shows("from git", "1.0.0"))

    def at(body: Body | None) -> bool:
        sync = ((body or {}).get("status") or {}).get("sync") or {}
        return sync.get("revisions") == ["1.0.0", git.head()] and sync.get("status") == "Synced"

    await world.until(APPLICATION, ARGO, "several", at)


async def test_a_chart_of_a_registry_is_delivered_with_a_secret_without_a_scheme(world: World, hub: Hub) -> None:
    await hub.registry.push("charts/web", "1.0.0", layer=config_chart("web", "1.0.0"), media_type=CHART)
    await world.apply(of_charts("pushed", f"{hub.registry.host}/charts", targetRevision="*"))
    body = await world.until(APPLICATION, ARGO, "pushed", synced)
    assert body["status"]["sync"]["revision"] == "1.0.0"
    await world.until(MAPS, "pushed", "pushed", shows("own", "1.0.0"))


async def test_what_is_wrong_is_told_and_what_was_delivered_stays(world: World, hub: Hub) -> None:
    hub.charts.add("web", "3.0.0", config_chart("web", "3.0.0"))
    await world.apply(of_charts("wrong", hub.charts.url, targetRevision="3.x"))
    await world.until(APPLICATION, ARGO, "wrong", synced)
    await world.apply(secret("charts", hub.charts.url, password="wrong-password"))
    await asked(world, "wrong")
    body = await world.until(APPLICATION, ARGO, "wrong", says("the credentials were refused", "Secret argocd/charts"))
    assert "wrong-password" not in json.dumps(body) and body["status"]["sync"]["revision"] == "3.0.0"
    await world.apply(secret("charts", hub.charts.url))
    await world.until(APPLICATION, ARGO, "wrong", synced)
    hub.charts.add("web", "3.1.0", config_chart("web", "3.1.0"), digest="0" * 64)
    await asked(world, "wrong")
    await world.until(APPLICATION, ARGO, "wrong", says("the index says sha256:0000"))
    assert await world.get(MAPS, "wrong", "wrong") is not None
    hub.charts.add("web", "3.1.0", config_chart("web", "3.1.0"))
    await asked(world, "wrong")
    await world.until(APPLICATION, ARGO, "wrong", lambda body: synced(body, "3.1.0"))
    await world.apply(of_charts("absent", hub.charts.url, targetRevision="9.x"))
    await world.until(APPLICATION, ARGO, "absent", says("no version that fits '9.x'", "3.1.0"))
    await world.apply(of_charts("open", hub.charts.url))
    await world.until(APPLICATION, ARGO, "open", says("targetRevision is required"))


DEPENDENT = (
    "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n"
    "- {{name: web, alias: front, version: {version!r}, repository: {repository!r}}}\n"
)


async def test_charts_that_a_chart_depends_on_are_fetched_where_they_may_be(world: World, hub: Hub) -> None:
    for version in ("1.0.0", "1.1.0"):
        hub.charts.add("web", version, config_chart("web", version))
    about = DEPENDENT.format(version="1.0.x", repository=hub.charts.url)
    git = world.repository("helm/umbrella", {"shop/Chart.yaml": about, "shop/values.yaml": "front: {value: theirs}\n"})
    await world.apply(application("umbrella", "https://github.com/helm/umbrella", "shop", "umbrella"))
    await world.until(MAPS, "umbrella", "umbrella", shows("theirs", "1.0.0"))
    await world.until(APPLICATION, ARGO, "umbrella", lambda body: synced(body, git.head()))
    told = await run_trueup(world.cluster, "diff", "app/umbrella", "--revision", "main")
    assert told.code == 0, told
    # The lock decides, also where the range has something newer.
    locked = f"dependencies:\n- {{name: web, version: 1.0.0, repository: {hub.charts.url!r}}}\ndigest: x\n"
    about = DEPENDENT.format(version="1.x", repository=hub.charts.url)
    git.commit({"shop/Chart.yaml": about, "shop/Chart.lock": locked}, "lock it")
    await asked(world, "umbrella")
    await world.until(APPLICATION, ARGO, "umbrella", lambda body: synced(body, git.head()))
    await world.until(MAPS, "umbrella", "umbrella", shows("theirs", "1.0.0"))
    git.commit({"shop/Chart.lock": locked.replace("version: 1.0.0", "version: 1.1.0")}, "go on")
    await asked(world, "umbrella")
    await world.until(MAPS, "umbrella", "umbrella", shows("theirs", "1.1.0"))
    by_name = DEPENDENT.format(version="1.x", repository="@stable")
    git.commit({"shop/Chart.yaml": by_name, "shop/Chart.lock": locked.replace(hub.charts.url, "@stable")}, "by name")
    await asked(world, "umbrella")
    body = await world.until(APPLICATION, ARGO, "umbrella", says("dependency web 1.0.0 lies in @stable", "(key name)"))
    assert await world.get(MAPS, "umbrella", "umbrella") is not None
    await world.apply(secret("charts", hub.charts.url, name="stable"))
    await asked(world, "umbrella")
    await world.until(APPLICATION, ARGO, "umbrella", lambda body: synced(body, git.head()))
    await world.until(MAPS, "umbrella", "umbrella", shows("theirs", "1.0.0"))
    foreign = DEPENDENT.format(version="1.0.0", repository="https://foreign.example/stable")
    world.repository("helm/foreign", {"shop/Chart.yaml": foreign})
    await world.apply(application("foreign", "https://github.com/helm/foreign", "shop", "foreign"))
    words = "lies in https://foreign.example/stable, which is not declared for units of project default"
    body = await world.until(APPLICATION, ARGO, "foreign", says("not in its charts/ folder", words, "type: helm"))
    assert not (body["status"].get("resources") or [])


def of_flux(kind: tuple[str, str], name: str, **spec: Any) -> str:
    body = {
        "apiVersion": f"{kind[0]}/v1",
        "kind": kind[1],
        "metadata": {"name": name, "namespace": WHERE},
        "spec": {"interval": "1s", **spec},
    }
    return yaml.safe_dump(body)


def flux_secret(name: str, **data: str) -> str:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": WHERE}, "stringData": data}
    return yaml.safe_dump(body)


def chart_of(name: str, kind: str, source: str, **spec: Any) -> str:
    return of_flux(CHARTS, name, **{"chart": "web", "sourceRef": {"kind": kind, "name": source}, **spec})


async def flux_repository(world: World, hub: Hub) -> None:
    """Declare the served repository, with its Secrets."""
    await world.apply(flux_secret("login", username=USER, password=PASSWORD))
    await world.apply(flux_secret("ca", **{"ca.crt": hub.charts.ca}))
    named = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "ca"}}
    await world.apply(of_flux(REPOSITORIES, "served", url=hub.charts.url, **named))


async def stored(world: World, kind: tuple[str, str], name: str, revision: str) -> Body:
    def holds(body: Body | None) -> bool:
        artifact = ((body or {}).get("status") or {}).get("artifact") or {}
        return condition(body, "Ready").get("status") == "True" and artifact.get("revision") == revision

    return await world.until(kind, WHERE, name, holds)


async def fetched(body: Body) -> bytes:
    """Fetch an artifact as others do."""
    artifact = body["status"]["artifact"]
    async with aiohttp.ClientSession() as session, session.get(artifact["url"]) as answer:
        content = await answer.read()
    assert answer.status == 200 and len(content) == artifact["size"]
    assert artifact["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content


def packed(content: bytes) -> dict[str, str]:
    """Give the files of a chart's artifact."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = [member for member in tar.getmembers() if member.isfile()]
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read().decode() for member in files}


async def test_a_helm_repository_has_its_index_as_its_artifact(world: World, hub: Hub) -> None:
    hub.charts.add("web", "1.0.0", config_chart("web", "1.0.0"))
    await flux_repository(world, hub)
    revision = f"sha256:{hashlib.sha256(hub.charts.content()).hexdigest()}"
    body = await stored(world, REPOSITORIES, "served", revision)
    assert condition(body, "Ready")["message"] == f"stored artifact for revision '{revision}'"
    assert condition(body, "ArtifactInStorage")["reason"] == "Succeeded"
    assert body["status"]["observedGeneration"] == body["metadata"]["generation"]
    assert body["status"]["artifact"]["path"].endswith(".yaml")
    assert await fetched(body) == hub.charts.content()


async def test_a_helm_chart_is_stored_in_its_folder_with_the_values_that_are_wanted(world: World, hub: Hub) -> None:
    hub.charts.add("web", "5.0.0", config_chart("web", "5.0.0"))
    await flux_repository(world, hub)
    await world.apply(chart_of("pulled", "HelmRepository", "served", version="5.0.x"))
    body = await stored(world, CHARTS, "pulled", "5.0.0")
    for kind in ("Ready", "ArtifactInStorage"):
        assert condition(body, kind)["reason"] == "ChartPullSucceeded"
        assert condition(body, kind)["message"] == "pulled 'web' chart with version '5.0.0'"
    assert body["status"]["observedChartName"] == "web" and "metadata" not in body["status"]["artifact"]
    assert packed(await fetched(body))["web/values.yaml"] == "value: own\n"
    files = ["values.yaml", "prod.yaml"]
    await world.apply(chart_of("merged", "HelmRepository", "served", version="5.0.x", valuesFiles=files))
    body = await stored(world, CHARTS, "merged", "5.0.0")
    words = "packaged 'web' chart with version '5.0.0' and merged values files [values.yaml prod.yaml]"
    assert (condition(body, "Ready")["reason"], condition(body, "Ready")["message"]) == ("ChartPackageSucceeded", words)
    assert body["status"]["observedValuesFiles"] == files
    assert packed(await fetched(body))["web/values.yaml"] == "value: production\n"
    hub.charts.add("web", "5.0.1", config_chart("web", "5.0.1"))
    await stored(world, CHARTS, "pulled", "5.0.1")


async def test_a_chart_of_a_registry_is_stored(world: World, hub: Hub) -> None:
    layer = config_chart("web", "6.0.0+b.1")
    await hub.registry.push("flux/web", "6.0.0_b.1", layer=layer, media_type=CHART)
    await world.apply(flux_secret("login", username=USER, password=PASSWORD))
    await world.apply(flux_secret("hub-ca", **{"ca.crt": hub.registry.ca}))
    named = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "hub-ca"}}
    await world.apply(of_flux(REPOSITORIES, "pushed", url=f"oci://{hub.registry.host}/flux", type="oci", **named))
    await world.apply(chart_of("pushed", "HelmRepository", "pushed"))
    body = await stored(world, CHARTS, "pushed", "6.0.0+b.1")
    assert "web/Chart.yaml" in packed(await fetched(body))
    repository = await world.get(REPOSITORIES, WHERE, "pushed")
    assert repository is not None and not condition(repository, "Ready")


async def test_a_chart_without_a_trusted_signature_is_not_taken(world: World, hub: Hub, tmp_path: Path) -> None:
    own, layer = key_pair(tmp_path), config_chart("web", "7.0.0")
    digest = await hub.registry.push("signed/web", "7.0.0", layer=layer, media_type=CHART)
    await world.apply(flux_secret("login", username=USER, password=PASSWORD))
    await world.apply(flux_secret("hub-ca", **{"ca.crt": hub.registry.ca}))
    await world.apply(flux_secret("signers", **{"cosign.pub": own.public.decode()}))
    named = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "hub-ca"}}
    await world.apply(of_flux(REPOSITORIES, "signed", url=f"oci://{hub.registry.host}/signed", type="oci", **named))
    verify = {"provider": "cosign", "secretRef": {"name": "signers"}}
    await world.apply(chart_of("signed", "HelmRepository", "signed", verify=verify))
    body = await world.until(CHARTS, WHERE, "signed", says("it has no signature"))
    assert condition(body, "Ready")["reason"] == "ChartVerificationError" and "artifact" not in body["status"]
    await push_simple(hub.registry, "signed/web", digest, await sign(hub.registry, "signed/web", digest, own))
    body = await stored(world, CHARTS, "signed", "7.0.0")
    assert condition(body, "SourceVerified")["message"] == "verified signature of version 7.0.0"


async def test_a_chart_in_git_is_packed_for_each_version_or_for_each_commit(world: World, hub: Hub) -> None:
    about = "apiVersion: v2\nname: web\nversion: {}\n"
    files = {"charts/one/Chart.yaml": about.format("1.0.0"), "charts/one/values.yaml": "a: 1\n", "prod.yaml": "b: 2\n"}
    git = world.repository("helm/charts", dict(files))
    url = "https://github.com/helm/charts"
    await world.apply(of_flux(SOURCES, "charts", url=url, ref={"branch": "main"}))
    named = ("GitRepository", "charts")
    await world.apply(chart_of("by-version", *named, chart="./charts/one", valuesFiles=["prod.yaml"]))
    await world.apply(chart_of("by-commit", *named, chart="charts/one", reconcileStrategy="Revision"))
    body = await stored(world, CHARTS, "by-version", "1.0.0")
    assert packed(await fetched(body))["web/values.yaml"] == "b: 2\n"
    body = await stored(world, CHARTS, "by-commit", f"1.0.0+{git.head()[:12]}")
    content = packed(await fetched(body))
    assert f"version: 1.0.0+{git.head()[:12]}" in content["web/Chart.yaml"] and content["web/values.yaml"] == "a: 1\n"
    assert condition(body, "Ready")["message"].startswith("packaged 'web' chart with version '1.0.0+")
    git.commit({"prod.yaml": "b: 3\n"}, "change values under the same version")
    await stored(world, CHARTS, "by-commit", f"1.0.0+{git.head()[:12]}")
    body = await stored(world, CHARTS, "by-version", "1.0.0")
    assert packed(await fetched(body))["web/values.yaml"] == "b: 2\n"
    git.commit({"charts/one/Chart.yaml": about.format("1.1.0")}, "a new version")
    body = await stored(world, CHARTS, "by-version", "1.1.0")
    assert packed(await fetched(body))["web/values.yaml"] == "b: 3\n"
    git.commit({"charts/one/Chart.yaml": "version: [1]\n"}, "break it")
    body = await world.until(CHARTS, WHERE, "by-version", says("Chart.yaml", "no version that is a text"))
    assert condition(body, "BuildFailed")["reason"] == "ValuesFilesError"
    assert body["status"]["artifact"]["revision"] == "1.1.0"


async def test_what_is_wrong_with_a_chart_is_told_on_it_and_its_artifact_stays(world: World, hub: Hub) -> None:
    hub.charts.add("web", "8.0.0", config_chart("web", "8.0.0"))
    await flux_repository(world, hub)
    await world.apply(chart_of("faulty", "HelmRepository", "served", version="8.x"))
    await world.apply(chart_of("sound", "HelmRepository", "served", version="8.0.0"))
    await stored(world, CHARTS, "faulty", "8.0.0")
    hub.charts.add("web", "8.1.0", b"no archive" * 100)
    body = await world.until(CHARTS, WHERE, "faulty", says("is no tarball"))
    assert condition(body, "FetchFailed")["reason"] == "ChartPullError"
    assert body["status"]["artifact"]["revision"] == "8.0.0"
    hub.charts.add("web", "8.1.0", config_chart("web", "8.1.0"))
    await stored(world, CHARTS, "faulty", "8.1.0")
    await world.apply(chart_of("faulty", "HelmRepository", "served", version="8.x", valuesFiles=["none.yaml"]))
    body = await world.until(CHARTS, WHERE, "faulty", says("no values file found at path", "none.yaml"))
    assert condition(body, "BuildFailed")["reason"] == "ValuesFilesError"
    await world.apply(chart_of("faulty", "HelmRepository", "served", version="88.x"))
    body = await world.until(CHARTS, WHERE, "faulty", says("no version that fits '88.x'", "8.1.0"))
    assert condition(body, "Ready")["reason"] == "InvalidChartReference"
    await world.apply(chart_of("early", "HelmRepository", "late"))
    body = await world.until(CHARTS, WHERE, "early", says("HelmRepository/flux-system/late is not there"))
    assert condition(body, "FetchFailed")["reason"] == "SourceUnavailable"
    named = {"secretRef": {"name": "login"}, "certSecretRef": {"name": "ca"}}
    await world.apply(of_flux(REPOSITORIES, "late", url=hub.charts.url, **named))
    await world.until(CHARTS, WHERE, "early", lambda body: condition(body, "Ready").get("status") == "True")
    await stored(world, CHARTS, "sound", "8.0.0")
    await world.apply(chart_of("bucket", "Bucket", "served"))
    await world.until(CHARTS, WHERE, "bucket", says("kind Bucket is not supported yet"))


async def test_an_index_that_is_none_is_told_on_its_repository_alone(world: World, hub: Hub) -> None:
    hub.charts.add("web", "9.0.0", config_chart("web", "9.0.0"))
    await flux_repository(world, hub)
    revision = f"sha256:{hashlib.sha256(hub.charts.content()).hexdigest()}"
    await stored(world, REPOSITORIES, "served", revision)
    hub.charts.index = b"<html>Sign in</html>"
    try:
        body = await world.until(REPOSITORIES, WHERE, "served", says("no index of a Helm repository"))
        assert condition(body, "FetchFailed")["reason"] == "IndexationFailed"
        assert body["status"]["artifact"]["revision"] == revision
    finally:
        hub.charts.index = None
    await stored(world, REPOSITORIES, "served", revision)
    await world.apply(flux_secret("login", username=USER, password="wrong-password"))
    body = await world.until(REPOSITORIES, WHERE, "served", says("the credentials were refused"))
    assert condition(body, "Ready")["reason"] == "AuthenticationFailed" and "wrong-password" not in json.dumps(body)
    await world.apply(flux_secret("login", username=USER, password=PASSWORD))
    await stored(world, REPOSITORIES, "served", revision)


async def test_after_a_restart_while_the_repository_is_down_units_go_on(world: World, hub: Hub) -> None:
    hub.charts.add("web", "4.0.0", config_chart("web", "4.0.0"))
    await world.apply(of_charts("lasting", hub.charts.url, targetRevision="4.x"))
    await world.until(APPLICATION, ARGO, "lasting", synced)
    await world.until(MAPS, "lasting", "lasting", shows("own", "4.0.0"))
    await world.stop()
    hub.charts.down = True
    hub.charts.asked.clear()
    try:
        async with working(Controller(world.controller.settings)) as controller:
            await eventually(lambda: len(hub.charts.asked) > 1)
            await world.patch(MAPS, "lasting", "lasting", {"data": {"value": "by hand"}})
            await world.until(MAPS, "lasting", "lasting", shows("own", "4.0.0"))
            assert controller.session is not None
    finally:
        hub.charts.down = False
