"""The disk of the cache is full: what is known goes on, what is new says why it waits, and room is all that it needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.disks import small_disk
from support.e2e import KUSTOMIZATION, REPOSITORY, condition, kustomization, ready, repository, told, world
from trueup.core.objects import Body
from trueup.localcluster import Cluster

MAPS = ("", "ConfigMap")
NAMESPACE = "flux-system"


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"


@pytest.mark.parametrize("leaving", [0, 64 * 1024], ids=["no room at all", "room for refs alone"])
async def test_a_full_disk_delays_what_is_new_and_breaks_nothing(tmp_path: Path, leaving: int) -> None:
    async with (
        small_disk(tmp_path / "small", 16) as disk,
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path, data=disk.folder / "data", poll=1.0, jitter=0.0) as made,
    ):
        units = ("one", "two")
        repos = {name: made.repository(f"team/{name}", {f"{name}.yaml": config(name, "1")}) for name in units}
        for name in units:
            await made.apply(repository(name, f"https://github.com/team/{name}"))
            await made.apply(kustomization(name, "./", name))
            await made.until(KUSTOMIZATION, NAMESPACE, name, ready)
        disk.fill(leaving=leaving)
        # Random, so that it is as large in Git as it is here.
        commit = repos["one"].commit({"one.yaml": config("one", "2"), "blob": os.urandom(1 << 20)}, "a large commit")
        found = await made.until(
            REPOSITORY, NAMESPACE, "one", lambda body: condition(body, "Ready").get("status") == "False"
        )
        assert "the cache's disk is full: make room" in told(found), told(found)
        for name in units:
            await made.patch(MAPS, NAMESPACE, name, {"data": {"value": "by hand"}})
            await made.until(MAPS, NAMESPACE, name, lambda body: value_of(body) == "1")
        assert ready(await made.get(KUSTOMIZATION, NAMESPACE, "two"))
        disk.make_room()
        await made.until(KUSTOMIZATION, NAMESPACE, "one", lambda body: ready(body, commit))
        await made.until(REPOSITORY, NAMESPACE, "one", lambda body: ready_source(body, commit))
        assert value_of(await made.get(MAPS, NAMESPACE, "one")) == "2"
        leftovers = [path for path in (disk.folder / "data").rglob("*") if path.suffix in (".part", ".lock")]
        assert leftovers == []


def value_of(body: Body | None) -> str:
    return str(body["data"]["value"]) if body else ""


def ready_source(body: Body | None, commit: str) -> bool:
    artifact = ((body or {}).get("status") or {}).get("artifact") or {}
    return condition(body, "Ready").get("status") == "True" and commit in artifact.get("revision", "")
