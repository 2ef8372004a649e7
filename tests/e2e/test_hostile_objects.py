"""Commands among objects and files of the wrong shape: one plain line each, never a traceback."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from support.commands import Ended, run_trueup
from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_KIND, state_name

NAME = "odd"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\ndata: {a: b}\n"


Run = Callable[..., Awaitable[Ended]]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def delivered(world: World) -> AsyncIterator[None]:
    world.repository("team/odd", {"x/map.yaml": MAP})
    await world.apply(repository(NAME, "https://github.com/team/odd"))
    await world.apply(kustomization(NAME, "./x", NAME))
    await world.until(KUSTOMIZATION, "flux-system", NAME, ready)
    yield


@pytest.fixture(scope="module")
def trueup(world: World) -> Run:
    async def run(*arguments: str, **environment: str) -> Ended:
        return await run_trueup(world.cluster, *arguments, **{"TRUEUP_HISTORY": "none", **environment})

    return run


def plain(ended: Ended) -> bool:
    """Whether a command ended as it may: with an answer, or with one line that says why not."""
    if "Traceback" in ended.out + ended.err:
        return False
    said = any(line.startswith("error: ") for line in ended.err.splitlines())
    return ended.code == 0 or (ended.code in range(1, 7) and (bool(ended.out) or said))


async def all_plain(trueup: Run, *commands: tuple[str, ...], **environment: str) -> list[Ended]:
    """Run commands, some beside each other, and see that each ends as it may."""
    places = asyncio.Semaphore(4)

    async def one(arguments: tuple[str, ...]) -> Ended:
        async with places:
            ended = await trueup(*arguments, **environment)
        assert plain(ended) or "Usage" in ended.err, (arguments, ended)
        return ended

    return await asyncio.gather(*(one(arguments) for arguments in commands))


LOOKS = (
    ("get",),
    ("get", f"ks/{NAME}", "-o", "json"),
    ("tree", f"ks/{NAME}"),
    ("why", f"ks/{NAME}"),
    ("diff", f"ks/{NAME}"),
    ("blame", "configmap/odd", "-n", "flux-system"),
    ("history", f"ks/{NAME}"),
    ("rollback", f"ks/{NAME}", "--no-wait"),
    ("unpin", f"ks/{NAME}", "--no-wait"),
    ("approve", f"ks/{NAME}"),
)

STATUSES = (
    {"conditions": "none"},
    {"conditions": [1, None, {"type": 2, "status": {}}]},
    {"conditions": [{"type": "Ready", "status": ["True"], "message": {"a": 1}, "lastTransitionTime": 5}]},
    {"artifact": [], "lastAppliedRevision": {"x": 1}, "history": "long", "inventory": 3},
)


@pytest.mark.parametrize("number", range(len(STATUSES)))
async def test_a_status_of_any_shape(world: World, trueup: Run, number: int) -> None:
    # Of a suspended unit nobody writes the status anew.
    await world.patch(KUSTOMIZATION, "flux-system", NAME, {"spec": {"suspend": True}})
    await world.settled()
    await put_status(world, STATUSES[number])
    await all_plain(trueup, *LOOKS[:5])


async def put_status(world: World, status: object) -> None:
    resource = await world.mapper.of(ObjectRef(*KUSTOMIZATION, "flux-system", NAME))
    await world.client.patch(resource, f"{NAME}/status", "flux-system", {"status": status})


STATES = (
    {"inventory": "garbage"},
    {"inventory": {"entries": [["too", "short"]]}, "good": 7},
    {"attempt": [], "history": {"a": 1}, "next_id": "x"},
)


@pytest.mark.parametrize("number", range(len(STATES)))
async def test_a_record_of_any_shape(world: World, trueup: Run, number: int) -> None:
    name = state_name(ObjectRef(*KUSTOMIZATION, "flux-system", NAME))
    kind = (STATE_GROUP, STATE_KIND)
    before = await world.get(kind, "flux-system", name)
    assert before is not None
    await world.patch(kind, "flux-system", name, {"state": STATES[number]})
    await all_plain(trueup, *LOOKS)
    ended = await trueup("why", f"ks/{NAME}")
    await world.patch(kind, "flux-system", name, {"state": {**dict.fromkeys(STATES[number]), **before["state"]}})
    assert ended.code == 1 and f"Kustomization/flux-system/{NAME}" in ended.err and "cannot be read" in ended.err


CONFIGS = {
    "no YAML": b"{{{",
    "no text": b"\xff\xfe\x00apiVersion",
    "a list": b"- a\n- b\n",
    "no contexts": b"apiVersion: v1\nkind: Config\n",
    "a context of nothing": b"current-context: x\ncontexts: [{name: x}]\n",
    "a cluster of nothing": b"current-context: x\ncontexts: [{name: x, context: {cluster: y, user: z}}]\n",
    "no URL": b"current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\n"
    b"clusters: [{name: y, cluster: {server: 5}}]\n",
    "bad certificate": b"current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\n"
    b"clusters: [{name: y, cluster: {server: 'https://127.0.0.1:9', certificate-authority-data: '!!'}}]\n",
}


@pytest.mark.parametrize("what", CONFIGS)
async def test_a_kubeconfig_of_any_shape(trueup: Run, tmp_path: Path, what: str) -> None:
    config = tmp_path / "config"
    config.write_bytes(CONFIGS[what])
    for ended in await all_plain(trueup, ("get",), ("why", "x"), ("run",), KUBECONFIG=str(config)):
        assert ended.code == 5, ended


async def test_a_history_that_is_no_database(trueup: Run, tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database at all" * 100)
    commands = (("history",), ("history", f"ks/{NAME}"), ("history", "verify"))
    await all_plain(trueup, *commands, TRUEUP_HISTORY=f"sqlite:///{tmp_path}/history.db")


WORDS = ("", "/", "ks/", "ks//x", "a/b/c/d", "ks/\x7f", "nokind/x", "ks/" + "x" * 300, "--", "ks/flux-system/..", "é/ü")


async def test_names_of_any_shape(trueup: Run) -> None:
    commands = ("get", "sync")
    await all_plain(trueup, *((command, word) for command in commands for word in WORDS))


async def test_revisions_of_any_shape_and_prefixes_of_a_commit(world: World, trueup: Run) -> None:
    source = await world.get(("source.toolkit.fluxcd.io", "GitRepository"), "flux-system", NAME)
    assert source is not None
    commit = source["status"]["artifact"]["revision"].rpartition(":")[2]
    for prefix in (commit[:7], commit[:12], commit):
        ended = await trueup("diff", f"ks/{NAME}", "--revision", prefix)
        assert ended.code == 0 and not ended.err, ended
    for word in ("HEAD~1", "0000000", "../x", "-x", "a b", "\n"):
        ended = await trueup("diff", f"ks/{NAME}", f"--revision={word}")
        assert ended.code == 2 and ended.err.startswith("error: "), (word, ended)


async def test_a_defect_is_one_line_and_with_debugging_a_traceback(trueup: Run) -> None:
    program = (
        "import sys, trueup.cli.main as main\n"
        "def broken(*a, **k): raise RuntimeError('hunter2')\n"
        "main.app = broken\n"
        "main.main()\n"
    )

    async def run(**environment: str) -> Ended:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", program),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    ended = await run()
    assert ended.code == 1 and ended.err.startswith("error: RuntimeError at ") and "hunter2" not in ended.err
    assert "TRUEUP_DEBUG=true" in ended.err and len(ended.err.splitlines()) == 2
    assert "Traceback" in (await run(TRUEUP_DEBUG="true")).err
