"""`trueup cluster` as people use it: started by one command, found by the next, and what is left when it is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest_asyncio

PARTS = ["etcd", "apiserver", "controller-manager", "scheduler", "kwok"]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Ended]]


@pytest_asyncio.fixture(loop_scope="session")
async def cluster_command(tmp_path: Path) -> AsyncIterator[Run]:
    """Run `trueup cluster …` with data and temporary folders of the test's own; nothing is left running."""
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "TMPDIR": str(tmp_path / "tmp")}
    environment.pop("KUBECONFIG", None)

    async def run(*arguments: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trueup.cli.main",
            "cluster",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(150):
            out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    yield run
    await run("down")


async def stands(run: Run) -> dict[str, Any]:
    done = await run("status", "-o", "json")
    told: dict[str, Any] = json.loads(done.out)
    assert done.code == (0 if told["ready"] else 1)
    return told


async def test_a_life_of_a_kept_cluster(cluster_command: Run) -> None:
    never = await cluster_command("kubeconfig")
    assert (never.code, never.err.splitlines()) == (
        1,
        ["error: cluster default was never started", "hint: `trueup cluster up`"],
    )
    first, second = await asyncio.gather(cluster_command("up", "--nodes", "1"), cluster_command("up", "--nodes", "1"))
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert sorted("already up" in done.out for done in (first, second)) == [False, True]

    told = await stands(cluster_command)
    parts = {part["name"]: part for part in told["parts"]}
    assert list(parts) == ["supervisor", *PARTS] and not told["ephemeral"]
    assert all(part["running"] and part["pid"] and part["memory"] > 1_000_000 for part in parts.values())
    assert all(part["since"].endswith("Z") for part in parts.values())
    table = (await cluster_command("status")).out
    assert "cluster default is up\n" in table and all(name in table for name in PARTS)

    assert (await cluster_command("kubectl", "--", "create", "namespace", "kept")).code == 0
    absent = await cluster_command("kubectl", "--", "get", "namespace", "absent")
    assert absent.code == 1 and "NotFound" in absent.err
    other = await cluster_command("up", "--ephemeral")
    assert other.code == 1 and "is one whose data is kept" in other.err and "trueup cluster down" in other.err

    assert (await cluster_command("down")).out == "cluster default is down\n"
    down = await stands(cluster_command)
    assert not down["up"] and not any(part["running"] for part in down["parts"])
    assert (await cluster_command("down")).out == "cluster default was not up\n"

    assert (await cluster_command("up")).code == 0
    assert "kept" in (await cluster_command("kubectl", "--", "get", "namespace", "kept")).out
    config = Path((await cluster_command("kubeconfig")).out.strip())
    exported = (await cluster_command("kubeconfig", "--export")).out
    assert exported == f"export KUBECONFIG={config}\n" and config.stat().st_mode & 0o077 == 0

    asked = await cluster_command("reset")
    assert asked.code == 2 and "--yes" in asked.err and config.exists()
    assert (await cluster_command("reset", "--yes")).code == 0
    assert not config.parent.exists() and not any(lives(part["pid"]) for part in parts.values())


async def test_an_ephemeral_cluster_is_found_by_its_name_and_gone_without_a_trace(
    cluster_command: Run, tmp_path: Path
) -> None:
    started = await cluster_command("up", "--ephemeral", "--nodes", "1")
    assert started.code == 0, started.err
    told = await stands(cluster_command)
    folder = Path(told["folder"])
    assert told["ephemeral"] and folder.parent == tmp_path / "tmp"
    etcd = next(part["pid"] for part in told["parts"] if part["name"] == "etcd")
    assert b"--unsafe-no-fsync=true" in Path(f"/proc/{etcd}/cmdline").read_bytes()
    assert (await cluster_command("kubectl", "--", "get", "nodes")).code == 0
    assert (await cluster_command("down")).code == 0
    assert not folder.exists() and not list((tmp_path / "tmp").glob("trueup-cluster-*"))
    assert (await cluster_command("kubeconfig")).code == 1, "there never was a kept one"


async def test_what_a_killed_supervisor_leaves_is_ended_and_swept(cluster_command: Run, tmp_path: Path) -> None:
    assert (await cluster_command("up", "--ephemeral", "--nodes", "1")).code == 0
    told = await stands(cluster_command)
    pids = {part["name"]: part["pid"] for part in told["parts"]}
    os.kill(pids["supervisor"], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while (left := [name for name, pid in pids.items() if lives(pid)]) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert left == []
    assert Path(told["folder"]).exists(), "nobody was there to remove it"
    assert not (await stands(cluster_command))["up"]
    assert (await cluster_command("up", "--ephemeral", "--nodes", "1")).code == 0
    assert [path.name for path in (tmp_path / "tmp").glob("trueup-cluster-*")] == [
        Path((await stands(cluster_command))["folder"]).name
    ]


async def test_a_part_that_has_ended_takes_the_cluster_down_and_is_told(cluster_command: Run) -> None:
    assert (await cluster_command("up", "--nodes", "1")).code == 0
    told = await stands(cluster_command)
    kwok = next(part["pid"] for part in told["parts"] if part["name"] == "kwok")
    os.kill(kwok, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while (now := await stands(cluster_command))["up"] and time.monotonic() < deadline:
        assert not next(part["running"] for part in now["parts"] if part["name"] == "kwok")
    assert not now["up"]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
