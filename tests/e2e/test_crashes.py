"""A controller that is killed at any write of a sync is succeeded by one that ends where the first would have.

It is killed at a sample of the writes, which the commit under test decides; `make test-all` takes every one.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from support.crash_points import crash_points, seed_of_the_commit
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    PATIENCE,
    World,
    application,
    kustomization,
    ready,
    repository,
    synced,
    world,
)
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_KIND
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster

URL = "https://github.com/team/crashes"
MAPS = ("", "ConfigMap")
STATE = (STATE_GROUP, STATE_KIND)


def objects(unit: str, side: str) -> dict[str, str | None]:
    """Give a unit's folder on one of two sides: one object changes, one goes, one comes, one stays."""
    gone, come = ("left", "right") if side == "right" else ("right", "left")
    return {
        f"{unit}/stays.yaml": _map(f"{unit}-stays", "same"),
        f"{unit}/changes.yaml": _map(f"{unit}-changes", side),
        f"{unit}/{come}.yaml": _map(f"{unit}-{come}", "new"),
        f"{unit}/{gone}.yaml": None,
    }


def _map(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value}}}\n"


COALESCED = 4
"""Of a sync's last writes this many are statuses, of which a slower run may need fewer."""

AT_THE_END = 20.0
"""Seconds after which a write that may not come is waited for no longer."""


async def controller(
    world: World, folder: Path, lease: str, when: str = "never", count: int = 0
) -> asyncio.subprocess.Process:
    tests = str(Path(__file__).parents[1])
    environment = {
        **os.environ,
        "PYTHONPATH": tests,
        "TRUEUP_GIT_INSTEAD_OF": f"https://github.com/={world.server.url}/",
    }
    command = [
        sys.executable,
        "-m",
        "support.crashing",
        str(world.cluster.kubeconfig),
        str(folder),
        lease,
        when,
        str(count),
    ]
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)


async def true_to(world: World, commit: str, side: str, uids: dict[str, str]) -> None:
    """Wait until both units say that they are true to a commit, and prove it object by object."""
    await asyncio.gather(
        world.until(KUSTOMIZATION, "flux-system", "crashes", lambda body: ready(body, commit)),
        world.until(APPLICATION, "argocd", "crashes", lambda body: synced(body, commit)),
    )
    for unit, namespace in (("flux", "flux-system"), ("argo", "crashes")):
        listed = await world.client.list_all(await world.mapper.of(ObjectRef(*MAPS, namespace, "any")), namespace)
        live = {item["metadata"]["name"]: item for item in listed.items if item["metadata"]["name"].startswith(unit)}
        assert sorted(live) == sorted([f"{unit}-stays", f"{unit}-changes", f"{unit}-{side}"])
        assert live[f"{unit}-changes"]["data"] == {"value": side}
        for name in (f"{unit}-stays", f"{unit}-changes"):
            known = uids.setdefault(name, live[name]["metadata"]["uid"])
            assert live[name]["metadata"]["uid"] == known, f"{name} was made anew"
    for namespace, name in (("flux-system", "kustomization.crashes"), ("argocd", "application.crashes")):
        state = await world.until(STATE, namespace, name, lambda body: "attempt" not in (body or {}).get("state", {}))
        owned = sorted(entry[3] for entry in state["state"]["inventory"]["entries"])
        unit = "flux" if name.startswith("kustomization") else "argo"
        assert owned == sorted([f"{unit}-stays", f"{unit}-changes", f"{unit}-{side}"])


@pytest.mark.timeout(1800)
async def test_a_kill_at_any_write_changes_nothing_of_the_end(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        world(cluster, tmp_path / "first", poll=1.0, jitter=0.0) as first,
    ):
        repo: Repository = first.repository("team/crashes", {**objects("flux", "left"), **objects("argo", "left")})
        await first.apply(repository("crashes", URL))
        await first.apply(kustomization("crashes", "./flux", "crashes", wait=True))
        await first.apply(application("crashes", URL, "argo", "crashes"))
        uids: dict[str, str] = {}
        await true_to(first, repo.head(), "left", uids)
        folder = tmp_path / "runs"
        folder.mkdir()
        await first.stop()
        side, runs, sure = "left", 0, 0

        async def move(when: str, count: int) -> None:
            """Move to the other side by a controller that may be killed on the way, and by its successor."""
            nonlocal side, runs
            side, runs = ("right" if side == "left" else "left"), runs + 1
            commit = repo.commit({**objects("flux", side), **objects("argo", side)}, f"to the {side}")
            if when != "never":
                process = await controller(first, folder, f"lease-{runs}-a", when, count)
                try:
                    code = await asyncio.wait_for(process.wait(), PATIENCE if count <= sure else AT_THE_END)
                except TimeoutError:
                    # Statuses that follow each other quickly are one write: this sync needed fewer than the first.
                    assert count > sure, f"it was not killed {when} write {count}"
                    process.terminate()
                    await process.wait()
                    code = -9
                assert code == -9, f"it was not killed {when} write {count}: it ended with {code}"
            successor = await controller(first, folder, f"lease-{runs}-b")
            try:
                await true_to(first, commit, side, uids)
            finally:
                successor.terminate()
                await successor.wait()

        await move("never", 0)
        writes = [line for line in (folder / "writes").read_text().splitlines() if line]
        assert len(writes) >= 10, writes
        sure = len(writes) - COALESCED
        seed, everything = seed_of_the_commit(), bool(request.config.getoption("--all-crash-points"))
        points = crash_points(len(writes), everything=everything, seed=seed)
        told = ", ".join(f"{point.when} {point.write}" for point in points)
        print(f"{len(writes)} writes; killed {told} (seed {seed})")
        for point in points:
            await move(point.when, point.write)
