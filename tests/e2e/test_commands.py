"""Every command against a real cluster: what programs get, how weak rights and wrong names end, what shells offer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from support.commands import Ended, run_trueup
from support.documented import differences
from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced
from trueup.cli.tables import Column
from trueup.cli.views import get

Run = Callable[..., Awaitable[Ended]]

URL = "https://github.com/team/commands"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"
LONG = "checkout-of-the-payments-team-in-the-european-region-production"
OF_A_UNIT = ("tree", "diff", "why", "sync", "wait", "suspend", "resume", "rollback", "unpin", "approve")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def units(world: World) -> AsyncIterator[None]:
    world.repository("team/commands", {"app/map.yaml": MAP})
    await world.apply(repository("commands", URL))
    await world.apply(kustomization(LONG, "./app", "commands"))
    await world.apply(application("shop", URL, "app", "shop"))
    await world.until(KUSTOMIZATION, "flux-system", LONG, ready)
    await world.until(APPLICATION, "argocd", "shop", synced)
    yield


@pytest.fixture(scope="module")
def trueup(world: World) -> Run:
    async def run(*arguments: str, **environment: str) -> Ended:
        nowhere = {"TRUEUP_HISTORY": "sqlite:////nonexistent/history.db"}
        return await run_trueup(world.cluster, *arguments, **{**nowhere, **environment})

    return run


@pytest.fixture(scope="module")
def weak(world: World, kubectl: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give the kubeconfig of somebody who may do nothing, with this token or with their own."""
    kubectl("create", "serviceaccount", "nobody", "-n", "default")
    own = kubectl("create", "token", "nobody", "-n", "default").strip()

    def config(token: str = own) -> str:
        found = yaml.safe_load(world.cluster.kubeconfig.read_text())
        for user in found["users"]:
            user["user"] = {"token": token}
        path: Path = tmp_path_factory.mktemp("weak") / "config"
        path.write_text(json.dumps(found))
        return str(path)

    return config


def said(ended: Ended) -> list[str]:
    """Give the lines of an error: one, and at most one that says what to do."""
    lines = [line for line in ended.err.splitlines() if not line.startswith("note: ")]
    assert 1 <= len(lines) <= 2 and lines[0].startswith("error: ") and "Traceback" not in ended.err, ended
    assert all(line.startswith("hint: ") for line in lines[1:]), ended
    return lines


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("get",), "get"),
        (("get", "sources"), "get"),
        (("get", "app/shop"), "get"),
        (("tree", "app/shop"), "tree"),
        (("tree", f"ks/{LONG}"), "tree"),
        (("blame", "configmap/settings", "-n", "shop"), "blame"),
        (("why", "app/shop"), "why"),
        (("history", "app/shop"), "history list, short"),
        (("version",), "version"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_programs_get_what_is_documented(trueup: Run, arguments: tuple[str, ...], command: str) -> None:
    done, other = await asyncio.gather(trueup(*arguments, "-o", "json"), trueup(*arguments, "-o", "yaml"))
    assert done.code == 0 and other.code == 0, done.err + other.err
    data = json.loads(done.out)
    assert differences(command, data) == []
    assert set(_kinds(data)) == set(_kinds(yaml.safe_load(other.out)))


def _kinds(data: Any, at: str = "") -> list[tuple[str, str]]:
    """Give the type of each value, whatever it is at the moment."""
    if isinstance(data, dict):
        return [found for key, value in data.items() for found in _kinds(value, f"{at}.{key}")]
    if isinstance(data, list):
        return [found for item in data for found in _kinds(item, f"{at}[]")]
    return [(at, type(data).__name__)]


async def test_who_may_do_nothing_is_told_so_by_every_command(trueup: Run, weak: Callable[..., str]) -> None:
    commands = [("get",), ("get", "-w"), ("blame", "configmap/settings", "-n", "shop")]
    commands += [(name, "app/shop") for name in OF_A_UNIT]
    own, unknown = weak(), weak("of-nobody")
    for arguments in commands:
        for config in (own, unknown):
            ended = await trueup(*arguments, KUBECONFIG=config)
            assert ended.code == 6 and ended.out == "", (arguments, ended)
            assert len(said(ended)) == 2, "with what to do"


@pytest.mark.parametrize("command", OF_A_UNIT)
async def test_what_is_not_there_is_not_found(trueup: Run, command: str) -> None:
    ended = await trueup(command, "app/shopp")
    assert ended.code == 4 and said(ended)[1] == "hint: did you mean application/argocd/shop?"
    ended = await trueup(command, "ap/shop")
    assert ended.code == 2 and "no kind" in said(ended)[0]
    ended = await trueup(command, "app/shop", "--context", "anothr")
    assert ended.code == 5 and "anothr" in said(ended)[0]


async def test_objects_and_fields_that_are_not_there_are_not_found(trueup: Run) -> None:
    absent = await trueup("blame", "configmap/setings", "-n", "shop")
    assert absent.code == 4, absent
    field = await trueup("blame", "configmap/settings", "-n", "shop", "--field", "dta.a")
    assert field.code == 4 and said(field)[1] == "hint: did you mean 'data.a'?"
    kind = await trueup("blame", "configmp/settings", "-n", "shop")
    assert kind.code == 2 and said(kind)[1] == "hint: did you mean configmap?"
    unit = await trueup("why", "kustomizatoin/shop")
    assert unit.code == 2 and said(unit)[1] == "hint: did you mean kustomization?"
    assert (await trueup("get", "-n", "nowhere")).err == "nothing is declared in namespace nowhere\n"


async def test_in_a_pipe_names_and_messages_are_whole(trueup: Run) -> None:
    done = await trueup("get")
    headings = done.out.splitlines()[0].split()
    assert headings == [column.heading for column in get.COLUMNS if not column.wide]
    assert LONG in done.out and "…" not in done.out and "\x1b" not in done.out
    bare = await trueup("get", "--no-headers")
    assert len(bare.out.splitlines()) == len(done.out.splitlines()) - 1
    assert all(isinstance(column, Column) for column in get.COLUMNS)
    tree = await trueup("tree", f"ks/{LONG}")
    assert tree.out.splitlines()[0].split() == ["OBJECT", "HEALTH", "MESSAGE"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("why ks/", f"ks/{LONG}"),
        ("why app/", "app/argocd/shop"),
        ("suspend kustomization/", f"kustomization/flux-system/{LONG}"),
        ("get ", "sources"),
        ("tree sh", "shop"),
        ("get -n argo", "argocd"),
        ("blame configm", "configmap/kube-root-ca.crt"),
        ("blame -n shop configmap/", "configmap/settings"),
        ("rollback app/shop --to ", "0"),
        ("diff app/shop --from ", "0"),
    ],
)
async def test_the_shell_offers_what_the_cluster_has(trueup: Run, words: str, offered: str) -> None:
    line = f"trueup {words}"
    # Two seconds are little for a busy machine, and nothing is then offered.
    for _ in range(10):
        place = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        done = await trueup(_TRUEUP_COMPLETE="complete_bash", **place)
        assert (done.code, done.err) == (0, "")
        if done.out.strip():
            break
    assert offered in done.out.split()


async def test_the_shell_is_offered_nothing_by_those_who_may_see_nothing(trueup: Run, weak: Callable[..., str]) -> None:
    for words in ("why ", "get -n ", "rollback app/shop --to ", "blame configmap/"):
        place = {"COMP_WORDS": f"trueup {words}", "COMP_CWORD": str(len(words.split(" ")))}
        done = await trueup(_TRUEUP_COMPLETE="complete_bash", KUBECONFIG=weak(), **place)
        assert (done.code, done.out.strip(), done.err) == (0, "", "")
