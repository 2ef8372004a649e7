"""What Argo CD's users know an Application to do, on a real API server; nothing is polled but on request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import yaml

from support.e2e import APPLICATION, World, application, synced, world
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster

MAPS = ("", "ConfigMap")
NAMESPACES = ("", "Namespace")
WHERE = "argocd"
URL = "https://github.com/team/argo"
REFRESH = "argocd.argoproj.io/refresh"
CASCADE = "resources-finalizer.argocd.argoproj.io"


def config(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="world")
async def a_world_that_polls_by_the_hour(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, folder, poll=3600.0, jitter=0.0) as made,
    ):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> AsyncIterator[Repository]:
    yield world.repository("team/argo")


async def start(world: World, git: Repository, name: str, *, auto: bool = True, finalizer: bool = False) -> None:
    """Commit two objects, and apply an Application that delivers them to a namespace of its name."""
    git.commit({f"{name}/stays.yaml": config("stays"), f"{name}/goes.yaml": config("goes")}, f"{name}: two objects")
    body = yaml.safe_load(application(name, URL, name, name, auto=auto))
    if finalizer:
        body["metadata"]["finalizers"] = [CASCADE]
    await world.apply(yaml.safe_dump(body))
    await refresh(world, name)


async def refresh(world: World, name: str) -> Body:
    """Ask for a refresh, and wait until it is answered: the annotation goes."""
    await world.patch(APPLICATION, WHERE, name, {"metadata": {"annotations": {REFRESH: "normal"}}})
    return await world.until(
        APPLICATION, WHERE, name, lambda body: REFRESH not in ((body or {})["metadata"].get("annotations") or {})
    )


async def sync(world: World, name: str, **asked: Any) -> Body:
    """Sync by hand, and wait for the end of it."""
    before = ((await world.get(APPLICATION, WHERE, name) or {}).get("status") or {}).get("operationState") or {}
    await world.patch(APPLICATION, WHERE, name, {"operation": {"sync": asked, "initiatedBy": {"username": "somebody"}}})

    def ended(body: Body | None) -> bool:
        state = ((body or {}).get("status") or {}).get("operationState") or {}
        asked_again = state.get("operation", {}).get("sync", {}).get("prune", False) == asked.get("prune", False)
        return (
            "operation" not in (body or {})
            and state.get("phase") not in (None, "Running")
            and asked_again
            and state != before
        )

    return await world.until(APPLICATION, WHERE, name, ended)


def out_of_sync(body: Body | None) -> bool:
    return ((body or {}).get("status") or {}).get("sync", {}).get("status") == "OutOfSync"


def gone(body: Body | None) -> bool:
    return body is None


async def test_the_namespace_is_made_where_the_application_asks_for_it(world: World, git: Repository) -> None:
    assert await world.get(NAMESPACES, "", "made") is None
    await start(world, git, "made")
    await world.until(APPLICATION, WHERE, "made", lambda body: synced(body, git.head()))
    assert await world.get(NAMESPACES, "", "made") is not None


async def test_a_refresh_looks_at_git_and_takes_its_annotation_away(world: World, git: Repository) -> None:
    await start(world, git, "refreshed")
    await world.until(APPLICATION, WHERE, "refreshed", synced)
    commit = git.commit({"refreshed/stays.yaml": config("stays", "2")}, "a change that nobody polls for")
    body = await world.get(APPLICATION, WHERE, "refreshed")
    assert body is not None and body["status"]["sync"]["revision"] != commit
    await refresh(world, "refreshed")
    await world.until(APPLICATION, WHERE, "refreshed", lambda body: synced(body, commit))
    live = await world.get(MAPS, "refreshed", "stays")
    assert live is not None and live["data"] == {"value": "2"}


async def test_a_manual_application_changes_only_by_an_operation(world: World, git: Repository) -> None:
    await start(world, git, "manual", auto=False)
    await world.until(APPLICATION, WHERE, "manual", out_of_sync)
    assert await world.get(MAPS, "manual", "stays") is None
    body = await sync(world, "manual")
    assert body["status"]["operationState"]["phase"] == "Succeeded"
    await world.until(APPLICATION, WHERE, "manual", lambda body: synced(body, git.head()))
    git.commit({"manual/goes.yaml": None}, "one object less")
    await refresh(world, "manual")
    body = await world.until(APPLICATION, WHERE, "manual", out_of_sync)
    extra = [item["name"] for item in body["status"]["resources"] if item.get("requiresPruning")]
    assert extra == ["goes"]
    await sync(world, "manual")
    assert await world.get(MAPS, "manual", "goes") is not None, "an operation that does not prune leaves it"
    body = await sync(world, "manual", prune=True)
    assert body["status"]["operationState"]["phase"] == "Succeeded"
    assert body["status"]["operationState"]["operation"]["initiatedBy"]["username"] == "somebody (not proven)"
    await world.until(MAPS, "manual", "goes", gone, patience=120.0)
    await world.until(APPLICATION, WHERE, "manual", lambda body: synced(body, git.head()))
    assert await world.get(MAPS, "manual", "stays") is not None


@pytest.mark.parametrize("finalizer", [True, False])
async def test_deletion_cascades_only_by_the_finalizer(world: World, git: Repository, finalizer: bool) -> None:
    name = "cascading" if finalizer else "leaving"
    await start(world, git, name, finalizer=finalizer)
    await world.until(APPLICATION, WHERE, name, synced)
    await world.delete(APPLICATION, WHERE, name)
    await world.until(APPLICATION, WHERE, name, gone)
    if finalizer:
        await world.until(MAPS, name, "stays", gone, patience=120.0)
        await world.until(MAPS, name, "goes", gone, patience=120.0)
        return
    # What another unit does meanwhile shows that the controller has gone on past the deletion.
    await start(world, git, "after-leaving")
    await world.until(APPLICATION, WHERE, "after-leaving", synced)
    for item in ("stays", "goes"):
        assert await world.get(MAPS, name, item) is not None


async def test_drift_is_only_told_where_self_heal_is_off(world: World, git: Repository) -> None:
    await start(world, git, "drifting")
    await start(world, git, "healing")
    await world.patch(APPLICATION, WHERE, "drifting", {"spec": {"syncPolicy": {"automated": {"selfHeal": False}}}})
    for name in ("drifting", "healing"):
        await world.until(APPLICATION, WHERE, name, synced)
    for name in ("drifting", "healing"):
        await world.patch(MAPS, name, "stays", {"data": {"value": "by hand"}})
    await world.until(MAPS, "healing", "stays", lambda body: (body or {})["data"] == {"value": "1"})
    body = await world.until(APPLICATION, WHERE, "drifting", out_of_sync)
    told = {item["name"]: item["status"] for item in body["status"]["resources"]}
    assert told == {"stays": "OutOfSync", "goes": "Synced"}
    live = await world.get(MAPS, "drifting", "stays")
    assert live is not None and live["data"] == {"value": "by hand"}
    await sync(world, "drifting")
    await world.until(MAPS, "drifting", "stays", lambda body: (body or {})["data"] == {"value": "1"})
