"""The command line against a controller at work: what people read, what programs read, and how a command ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import pytest
import pytest_asyncio
import yaml

from support.e2e import APPLICATION, KUSTOMIZATION, World, application, kustomization, ready, repository, synced
from trueup.gitserver import Repository

URL = "https://github.com/team/cli"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\nstringData: {{password: {word}}}\n"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def trueup(world: World) -> Callable[..., Awaitable[Ended]]:
    async def run(*arguments: str) -> Ended:
        nowhere = "sqlite:////nonexistent/history.db"
        kubeconfig = str(world.cluster.kubeconfig)
        environment = {**os.environ, "KUBECONFIG": kubeconfig, "NO_COLOR": "1", "TRUEUP_HISTORY": nowhere}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "trueup.cli.main",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
            out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def repo(world: World) -> AsyncIterator[Repository]:
    files = {
        "web/deployment.yaml": DEPLOYMENT.format(tag="1"),
        "web/secret.yaml": SECRET.format(word="first-secret-word"),
        "app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {a: '1'}\n",
    }
    made = world.repository("team/cli", files)
    await world.apply(repository("cli", URL))
    await world.apply(kustomization("web", "./web", "cli", wait=True))
    await world.apply(application("byhand", URL, "app", "byhand", auto=False))
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    yield made


async def test_get_shows_both_dialects_in_one_table(world: World, trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("get")
    assert done.code == 0, done.err
    assert "Kustomization" in done.out and "Application" in done.out and "OutOfSync" in done.out
    found = json.loads((await trueup("get", "ks/web", "-o", "json")).out)
    assert [(item["name"], item["ready"]) for item in found] == [("web", "True")]
    assert yaml.safe_load((await trueup("get", "sources", "-o", "yaml")).out)[0]["kind"] == "GitRepository"


async def test_what_is_not_there_is_one_line_and_a_hint(trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("tree", "nothing")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == ["error: there is no unit 'nothing'", "hint: `trueup get` lists all units"]


async def test_tree_goes_down_to_the_pods(trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("tree", "ks/web")
    assert done.code == 0, done.err
    for kind in ("Deployment/flux-system/web", "ReplicaSet/flux-system/web-", "Pod/flux-system/web-", "Healthy"):
        assert kind in done.out
    objects = json.loads((await trueup("tree", "ks/web", "-o", "json")).out)["objects"]
    assert {item["object"] for item in objects} == {"Deployment/flux-system/web", "Secret/flux-system/key"}


async def test_diff_says_what_a_sync_would_change_and_hides_secrets(
    world: World, repo: Repository, trueup: Callable[..., Awaitable[Ended]], tmp_path: object
) -> None:
    assert (await trueup("diff", "ks/web")).code == 0
    other = tmp_path / "web"  # type: ignore[operator]
    other.mkdir()
    (other / "deployment.yaml").write_text(DEPLOYMENT.format(tag="2"))
    (other / "secret.yaml").write_text(SECRET.format(word="second-secret-word"))
    done = await trueup("diff", "ks/web", "--local", str(tmp_path))
    assert done.code == 1, done.err
    assert "-      - image: web:1" in done.out and "+      - image: web:2" in done.out
    assert "(hidden)" in done.out and "secret-word" not in done.out
    assert "Z" + "mlyc3Q" not in done.out, "nor in base64"


async def test_sync_by_hand_and_its_history(world: World, trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("sync", "app/byhand")
    assert done.code == 0, done.err
    await world.until(APPLICATION, "argocd", "byhand", synced)
    assert (await trueup("sync", "ks/web")).code == 0
    found = json.loads((await trueup("history", "app/byhand", "-o", "json")).out)
    assert [item["outcome"] for item in found["history"]] == ["good"] and found["held"] is None
    bad = await trueup("sync", "ks/web", "--prune")
    assert bad.code == 2 and "are for Applications" in bad.err


async def test_crds_are_what_kubectl_takes(trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("crds")
    kinds = {body["spec"]["names"]["kind"] for body in yaml.safe_load_all(done.out)}
    upstream = {"Application", "AppProject", "Kustomization", "GitRepository", "Receiver", "Provider", "Alert"}
    assert kinds == {*upstream, "UnitState"}
