"""The disk of the cache is full: what is known goes on, what is new says why it waits, and room is all it needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from support.disks import small_disk
from support.e2e import KUSTOMIZATION, REPOSITORY, condition, kustomization, ready, repository, told, world
from trueup.core.model.objects import Body
from trueup.devtools.localcluster import Cluster

MAPS = ("", "ConfigMap")
NAMESPACE = "flux-system"


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"


MEGABYTE = 1 << 20
ROOM = {
    "none at all": 0,
    "for refs alone": MEGABYTE // 16,
    "for the fetched pack alone": MEGABYTE * 3 // 2,
    "for the pack and the tree": MEGABYTE * 5 // 2,
}
"""What is left of the disk, in bytes, for a commit that takes a megabyte as a pack, as a tree, and as a tarball."""


async def test_a_full_disk_delays_what_is_new_and_breaks_nothing(tmp_path: Path) -> None:
    async with (
        small_disk(tmp_path / "small", 40) as disk,
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path, data=disk.folder / "data", poll=1.0, jitter=0.0) as made,
    ):
        units = ("one", "two")
        repos = {name: made.repository(f"team/{name}", {f"{name}.yaml": config(name, "1")}) for name in units}
        for name in units:
            await made.apply(repository(name, f"https://github.com/team/{name}"))
            await made.apply(kustomization(name, "./", name))
            await made.until(KUSTOMIZATION, NAMESPACE, name, ready)
        delivered = "1"
        for room, leaving in ROOM.items():
            disk.fill(leaving=leaving)
            # Random, so that it is as large in Git as it is here.
            files: dict[str, str | bytes] = {"one.yaml": config("one", room), "blob": os.urandom(MEGABYTE)}
            commit = repos["one"].commit(files, f"a large commit, with room {room}")
            found = await made.until(REPOSITORY, NAMESPACE, "one", failed)
            assert "the cache's disk is full: make room" in told(found), (room, told(found))
            # Units need no tarball, so that with room for the tree the commit is delivered.
            delivered = room if leaving >= ROOM["for the pack and the tree"] else delivered
            for name, value in (("one", delivered), ("two", "1")):
                await made.patch(MAPS, NAMESPACE, name, {"data": {"value": "by hand"}})
                await made.until(MAPS, NAMESPACE, name, value_is(value))
            assert ready(await made.get(KUSTOMIZATION, NAMESPACE, "two"))
            disk.make_room()
            await made.until(KUSTOMIZATION, NAMESPACE, "one", partial(ready, revision=commit))
            await made.until(REPOSITORY, NAMESPACE, "one", partial(ready_source, commit=commit))
            assert value_of(await made.get(MAPS, NAMESPACE, "one")) == room
            leftovers = [path for path in (disk.folder / "data").rglob("*") if path.suffix in (".part", ".lock")]
            assert leftovers == [], room
            delivered = room


def failed(body: Body | None) -> bool:
    return condition(body, "Ready").get("status") == "False"


def value_of(body: Body | None) -> str:
    return str(body["data"]["value"]) if body else ""


def value_is(value: str) -> Callable[[Body | None], bool]:
    return lambda body: value_of(body) == value


def ready_source(body: Body | None, commit: str) -> bool:
    artifact = ((body or {}).get("status") or {}).get("artifact") or {}
    return condition(body, "Ready").get("status") == "True" and commit in artifact.get("revision", "")
