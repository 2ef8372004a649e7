"""The wall of what is stored: what a tenant writes into its own records, statuses and marks is not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    kustomization,
    ready,
    repository,
    synced,
    working,
    world,
)
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_KIND, state_name
from trueup.devtools.localcluster import Cluster
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

MAPS, SECRETS, STATES = ("", "ConfigMap"), ("", "Secret"), (STATE_GROUP, STATE_KIND)
VICTIM = """apiVersion: v1
kind: Namespace
metadata: {name: victim}
---
apiVersion: v1
kind: Secret
metadata: {name: p3, namespace: victim}
stringData: {password: theirs}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: p3, namespace: victim}
data: {a: theirs}
"""
ENTRIES = [
    ["", "ConfigMap", "victim", "p3", "v1", "digest", "seal.values", "digest", "content"],
    ["", "Secret", "victim", "p3", "v1", "digest", "seal.values", "digest", "content"],
]


def files(value: str) -> dict[str, str]:
    return {"app/map.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: own}}\ndata: {{v: '{value}'}}\n"}


async def tenant(made: World, name: str) -> Any:
    """Make a tenant with an Application that prunes, settled."""
    await made.apply(VICTIM)
    made_repository = made.repository(f"team/{name}", files("1"))
    await made.apply(application(name, f"https://github.com/team/{name}", "app", name))
    await made.until(APPLICATION, "argocd", name, synced)
    await made.settled()
    return made_repository


def record(name: str) -> str:
    return state_name(ObjectRef(*APPLICATION, "argocd", name))


async def unharmed(made: World) -> None:
    for kind in (MAPS, SECRETS):
        found = await made.get(kind, "victim", "p3")
        assert found is not None and "deletionTimestamp" not in found["metadata"], f"{kind} of the victim is gone"


async def forge(made: World, name: str, **fields: Any) -> Body:
    """Change a record as somebody with rights in its namespace can."""
    before = await made.get(STATES, "argocd", record(name))
    assert before is not None
    await made.patch(STATES, "argocd", record(name), {"state": fields})
    return before


async def test_an_inventory_that_names_foreign_objects_removes_none_of_them(world: World) -> None:
    made = await tenant(world, "inventory")
    before = await forge(world, "inventory", inventory={"entries": ENTRIES})
    commit = made.commit(files("2"), "two")
    await world.until(APPLICATION, "argocd", "inventory", lambda body: synced(body, commit))
    await world.settled()
    await unharmed(world)
    after = await world.get(STATES, "argocd", record("inventory"))
    assert after is not None and "victim" not in str(after["state"]) and before["state"] != after["state"]


async def test_a_pin_that_nobody_asked_for_delivers_nothing(world: World) -> None:
    made = await tenant(world, "pinning")
    state = (await world.get(STATES, "argocd", record("pinning")) or {})["state"]
    recipe = {**state["good"]["recipe"]} if state["good"].get("recipe") else {}
    inputs = {**state["good"], "digest": "forged", "recipe": {**recipe, "namespace": "victim"}}
    pin = {"inputs": inputs, "id": 0, "since": "2026-01-01T00:00:00Z", "by": "cluster-admin@example.org"}
    await forge(world, "pinning", pin=pin)
    commit = made.commit(files("2"), "two")
    seen = await world.until(APPLICATION, "argocd", "pinning", lambda body: synced(body, commit))
    assert "cluster-admin" not in str(seen["status"])
    assert await world.get(MAPS, "victim", "own") is None


async def test_a_signature_taken_from_another_record_is_none(world: World) -> None:
    await tenant(world, "donor")
    made = await tenant(world, "copy")
    donor = await world.get(STATES, "argocd", record("donor"))
    assert donor is not None
    patch = {
        "metadata": {"annotations": donor["metadata"]["annotations"]},
        "state": {**donor["state"], "inventory": {"entries": [*donor["state"]["inventory"]["entries"], *ENTRIES]}},
    }
    await world.patch(STATES, "argocd", record("copy"), patch)
    commit = made.commit(files("2"), "two")
    await world.until(APPLICATION, "argocd", "copy", lambda body: synced(body, commit))
    await world.settled()
    await unharmed(world)
    assert await world.get(MAPS, "donor", "own") is not None, "what the other unit delivers stays"


async def test_a_status_that_names_foreign_objects_removes_none_of_them(world: World) -> None:
    """A Kustomization that looks as if Flux had delivered it: the victim's objects, and another team's marks."""
    await world.apply(VICTIM)
    world.repository("team/status", files("1"))
    await world.apply(repository("status", "https://github.com/team/status"))
    await world.apply(kustomization("status", "./app", "status", suspend=True))
    resource = await world.mapper.of(ObjectRef(*KUSTOMIZATION, "flux-system", "status"))
    entries = [{"id": "victim_p3__Secret", "v": "v1"}, {"id": "victim_p3__ConfigMap", "v": "v1"}]
    status = {"inventory": {"entries": entries}, "lastAppliedRevision": "main@sha1:" + "0" * 40}
    await world.client.patch(resource, "status/status", "flux-system", {"status": status})
    await world.patch(KUSTOMIZATION, "flux-system", "status", {"spec": {"suspend": False}})
    seen = await world.until(
        KUSTOMIZATION, "flux-system", "status", lambda body: ready(body) and "victim" not in str(body)
    )
    assert "p3" not in str(seen["status"]), "nor is said whether they are there"
    await unharmed(world)


@asynccontextmanager
async def restarted(made: World, cluster: Cluster, folder: Path) -> AsyncIterator[Controller]:
    """Another controller in the place of the one that has ended."""
    settings = Settings(kubeconfig=str(cluster.kubeconfig), data=folder / "data", poll=1.0, jitter=0.0)
    async with working(Controller(settings)) as controller:
        made.controller = controller
        yield controller


@pytest.fixture(name="apart")
async def a_world_apart(tmp_path: Path) -> AsyncIterator[tuple[World, Cluster, Path]]:
    """A world of its own, whose controller may be stopped."""
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path, poll=1.0, jitter=0.0) as made,
    ):
        yield made, cluster, tmp_path


async def test_records_forged_while_no_controller_runs(apart: tuple[World, Cluster, Path]) -> None:
    made, cluster, folder = apart
    source = await tenant(made, "away")
    await made.stop()
    stored = await made.get(STATES, "argocd", record("away"))
    assert stored is not None
    # All of it in one's own words, with no signature, as if it were of before there were any.
    owned = stored["state"]["inventory"]["entries"]
    await made.patch(
        STATES,
        "argocd",
        record("away"),
        {"metadata": {"annotations": None}, "state": {"inventory": {"entries": [*owned, *ENTRIES]}}},
    )
    async with restarted(made, cluster, folder):
        commit = source.commit(files("2"), "two")
        await made.until(APPLICATION, "argocd", "away", lambda body: synced(body, commit))
        await made.settled()
        await unharmed(made)
        after = await made.get(STATES, "argocd", record("away"))
        assert after is not None and "victim" not in str(after["state"])


async def test_a_lost_key_loses_no_object_and_believes_nobody(apart: tuple[World, Cluster, Path]) -> None:
    made, cluster, folder = apart
    two = {**files("1"), "app/more.yaml": files("1")["app/map.yaml"].replace("own", "more")}
    source = await tenant(made, "key")
    first = source.commit(two, "more")
    await made.until(APPLICATION, "argocd", "key", lambda body: synced(body, first))
    uid = ((await made.get(MAPS, "key", "own")) or {})["metadata"]["uid"]
    await made.settled()
    await made.stop()
    await made.delete(SECRETS, "trueup-system", "trueup-state-key")
    await forge(made, "key", inventory={"entries": [*ENTRIES, ["", "ConfigMap", "key", "more", "v1"]]})
    second = source.commit({"app/more.yaml": None}, "less")
    async with restarted(made, cluster, folder):
        await made.until(APPLICATION, "argocd", "key", lambda body: synced(body, second))
        await made.until(MAPS, "key", "more", lambda body: body is None)
        await unharmed(made)
        assert ((await made.get(MAPS, "key", "own")) or {})["metadata"]["uid"] == uid


async def test_records_of_before_there_were_signatures_are_believed_once(apart: tuple[World, Cluster, Path]) -> None:
    made, cluster, folder = apart
    await tenant(made, "old")
    await made.stop()
    before = await made.get(STATES, "argocd", record("old"))
    await made.patch(STATES, "argocd", record("old"), {"metadata": {"annotations": None}})
    await made.delete(SECRETS, "trueup-system", "trueup-state-key")
    for _ in range(2):
        async with restarted(made, cluster, folder) as controller:
            session = controller.session
            assert session is not None
            await made.seen(APPLICATION, "argocd", "old")
            assert session.renderer.renders == 0
            after = await made.get(STATES, "argocd", record("old"))
            assert after is not None and before is not None and after["state"] == before["state"]
            assert after["metadata"]["annotations"]
            key = await made.get(SECRETS, "trueup-system", "trueup-state-key")
            assert key is not None and not key["metadata"].get("annotations")
