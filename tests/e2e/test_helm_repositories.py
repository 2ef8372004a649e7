"""Charts of Helm repositories are delivered for Applications, told as upstream tells them, and refused by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import yaml

from support.charts import Charts, charts, config_chart
from support.e2e import APPLICATION, World, application, eventually, says, synced, working
from support.registry import PASSWORD, USER, Registry, registry
from trueup.core.model.objects import Body
from trueup.runtime.controller import Controller
from trueup.sources.oci.manifests import CHART

MAPS = ("", "ConfigMap")
ARGO = "argocd"


class Hub(NamedTuple):
    charts: Charts
    registry: Registry


def secret(name: str, url: str, **data: str) -> str:
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
    await world.until(APPLICATION, ARGO, "ranged", lambda body: synced(body, "1.2.0"))


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
