"""The command line against a controller at work: what people read, what programs read, and how a command ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from support.commands import Ended, run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    PATIENCE,
    REPOSITORY,
    World,
    application,
    condition,
    kustomization,
    ready,
    repository,
    synced,
)
from trueup.devtools.gitserver import Repository
from trueup.dialects.status_summary import standing

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
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{a: '{a}'}}\n"
TENANT = """apiVersion: v1
kind: Namespace
metadata: {name: tenant}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: tenant}
rules: [{apiGroups: [""], resources: [configmaps], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: tenant}]
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\nstringData: {{password: {word}}}\n"


@pytest.fixture(scope="module")
def trueup(world: World) -> Callable[..., Awaitable[Ended]]:
    async def run(*arguments: str) -> Ended:
        return await run_trueup(world.cluster, *arguments, TRUEUP_HISTORY="sqlite:////nonexistent/history.db")

    return run


@asynccontextmanager
async def watching(world: World, *arguments: str) -> AsyncIterator[AsyncIterator[str]]:
    """Give the lines that a command prints while it goes on; the test waits for each a bounded time."""
    environment = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trueup.cli.main", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    stream = process.stdout
    assert stream is not None

    async def lines() -> AsyncIterator[str]:
        while line := await asyncio.wait_for(stream.readline(), PATIENCE):
            yield line.decode().rstrip()

    try:
        yield lines()
    finally:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 130


def unreachable(folder: Path) -> Path:
    config = folder / "unreachable"
    config.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {}}],
                "current-context": "c",
            }
        )
    )
    return config


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def repo(world: World) -> AsyncIterator[Repository]:
    files = {
        "web/deployment.yaml": DEPLOYMENT.format(tag="1"),
        "web/secret.yaml": SECRET.format(word="first-secret-word"),
        "app/map.yaml": MAP.format(a=1),
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


async def test_the_shell_completes_names_of_units(world: World) -> None:
    words = {"_TRUEUP_COMPLETE": "complete_bash", "COMP_WORDS": "trueup tree kustomization/", "COMP_CWORD": "2"}
    environment = {**os.environ, **words, "KUBECONFIG": str(world.cluster.kubeconfig)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trueup.cli.main", env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    assert out.decode().split() == ["kustomization/flux-system/web"]


async def test_get_answers_in_every_form(world: World, trueup: Callable[..., Awaitable[Ended]]) -> None:
    names = (await trueup("get", "-o", "name")).out.splitlines()
    assert names == ["application/argocd/byhand", "kustomization/flux-system/web"]
    assert (await trueup("get", names[1], "-o", "name")).out.splitlines() == names[1:], "a name is taken again"
    wide = (await trueup("get", "-o", "wide")).out
    assert wide.count(URL) == 2 and "./web" in wide, "both know their repository, one through its source"
    found = json.loads((await trueup("get", "gitrepo/cli", "-o", "json")).out)[0]
    assert (found["source"], found["ready"]) == (URL, "True") and found["changed"].endswith("Z")


async def test_watch_prints_what_changes_and_ends_with_the_reader(world: World, kubectl: Callable[..., str]) -> None:
    async with watching(world, "get", "--watch", "-o", "json") as lines:
        first = {(item := json.loads(await anext(lines)))["name"]: item for _ in range(2)}
        assert set(first) == {"web", "byhand"} and not first["web"]["suspended"]
        kubectl("patch", "kustomization", "web", "-n", "flux-system", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        changed = json.loads(await anext(lines))
        assert (changed["name"], changed["suspended"], changed["deleted"]) == ("web", True, False)
    kubectl("patch", "kustomization", "web", "-n", "flux-system", "--type=merge", "-p", '{"spec":{"suspend":null}}')
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)


async def test_watch_of_one_source_is_a_table_with_a_row_for_its_end(world: World) -> None:
    await world.apply(repository("passing", URL))
    await world.until(REPOSITORY, "flux-system", "passing", lambda body: condition(body, "Ready") != {})
    async with watching(world, "get", "gitrepo/passing", "-w") as lines:
        assert (await anext(lines)).split()[:3] == ["KIND", "NAMESPACE", "NAME"]
        assert (await anext(lines)).split()[:3] == ["GitRepository", "flux-system", "passing"]
        await world.delete(REPOSITORY, "flux-system", "passing")
        while not (line := await anext(lines)).endswith("deleted"):
            assert "passing" in line


async def test_a_name_that_is_almost_right_is_told_the_nearest(trueup: Callable[..., Awaitable[Ended]]) -> None:
    near = await trueup("tree", "ks/wep")
    assert near.err.splitlines() == [
        "error: there is no unit or source 'ks/wep'",
        "hint: did you mean kustomization/flux-system/web?",
    ]
    elsewhere = await trueup("tree", "app/web")
    assert "did you mean kustomization/flux-system/web?" in elsewhere.err
    strange = await trueup("tree", "deployment/web")
    assert strange.code == 2 and "'deployment' is no kind" in strange.err and "Kustomization" in strange.err


async def test_a_cluster_that_is_not_there_is_told_how_to_start_one(
    tmp_path: Path, trueup: Callable[..., Awaitable[Ended]]
) -> None:
    for config, words in ((tmp_path / "absent", "no kubeconfig"), (unreachable(tmp_path), "127.0.0.1:9")):
        done = await trueup("get", "--kubeconfig", str(config))
        error, hint = done.err.splitlines()
        assert done.code == 5 and words in error and "trueup cluster up" in hint


async def test_what_is_not_there_is_one_line_and_a_hint(trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("tree", "nothing")
    assert (done.code, done.out) == (4, "")
    error, hint = "error: there is no unit or source 'nothing'", "hint: `trueup get` lists all units"
    assert done.err.splitlines() == [error, hint]


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


async def test_sync_with_its_source_delivers_what_was_pushed_a_moment_ago(
    world: World, trueup: Callable[..., Awaitable[Ended]]
) -> None:
    made = world.repository("team/slow", {"app/map.yaml": MAP.format(a=1)})
    slow = repository("slow", "https://github.com/team/slow").replace("interval: 1s", "interval: 1h")
    assert "interval: 1h" in slow, "nothing but the request is to find the commit"
    await world.apply(slow)
    await world.apply(kustomization("slow", "./app", "slow"))
    await world.until(KUSTOMIZATION, "flux-system", "slow", ready)
    pushed = made.commit({"app/map.yaml": MAP.format(a=2)}, "Raise a")
    done = await trueup("sync", "ks/slow", "--with-source")
    assert done.code == 0, done.err
    assert "asked for a sync of GitRepository/flux-system/slow" in done.err
    assert ready(await world.get(KUSTOMIZATION, "flux-system", "slow"), pushed)
    looked = await trueup("sync", "gitrepo/slow")
    assert looked.code == 0 and "stored artifact" in looked.out


@pytest.mark.parametrize(
    ("word", "kind", "namespace"),
    [("ks/web", KUSTOMIZATION, "flux-system"), ("app/byhand", APPLICATION, "argocd")],
)
async def test_what_is_suspended_is_left_alone_until_it_is_resumed(
    word: str, kind: tuple[str, str], namespace: str, world: World, trueup: Callable[..., Awaitable[Ended]]
) -> None:
    name = word.rpartition("/")[2]
    assert (await trueup("suspend", word)).out == f"{kind[1]}/{namespace}/{name} is suspended\n"
    assert "suspended already" in (await trueup("suspend", word)).out
    assert standing(await world.get(kind, namespace, name) or {}).suspended
    refused = await trueup("sync", word)
    assert refused.code == 1 and f"`trueup resume {kind[1].lower()}/{namespace}/{name}`" in refused.err
    done = await trueup("resume", word)
    assert done.code == 0 and "goes on: " in done.out, done.err
    assert not standing(await world.get(kind, namespace, name) or {}).suspended
    assert "is not suspended" in (await trueup("resume", word)).out
    unknown = await trueup("suspend", word, "ks/nothing")
    assert unknown.code == 4 and not standing(await world.get(kind, namespace, name) or {}).suspended


async def test_diff_may_do_what_the_units_service_account_may(
    world: World, trueup: Callable[..., Awaitable[Ended]], tmp_path: Path
) -> None:
    await world.apply(TENANT)
    spec = {"serviceAccountName": "deployer", "targetNamespace": "tenant", "suspend": True}
    source = {"kind": "GitRepository", "name": "cli", "namespace": "flux-system"}
    await world.apply(kustomization("tenant", "./app", "cli", "tenant", **spec, sourceRef=source))
    (tmp_path / "app").mkdir()
    (tmp_path / "app/map.yaml").write_text(MAP.format(a=3))
    done = await trueup("diff", "ks/tenant", "--local", str(tmp_path))
    assert done.code == 1 and "+++ git/ConfigMap/tenant/app" in done.out, done.err
    (tmp_path / "app/secret.yaml").write_text(SECRET.format(word="one"))
    refused = await trueup("diff", "ks/tenant", "--local", str(tmp_path))
    assert refused.code == 6 and "system:serviceaccount:tenant:deployer" in refused.err, refused.out


async def test_crds_are_what_kubectl_takes(trueup: Callable[..., Awaitable[Ended]]) -> None:
    done = await trueup("crds")
    kinds = {body["spec"]["names"]["kind"] for body in yaml.safe_load_all(done.out)}
    upstream = {
        "Application",
        "AppProject",
        "Kustomization",
        "GitRepository",
        "OCIRepository",
        "Bucket",
        "HelmRepository",
        "HelmChart",
        "ExternalArtifact",
        "Receiver",
        "Provider",
        "Alert",
    }
    assert kinds == {*upstream, "UnitState"}


async def test_wait_tells_a_pipeline_how_its_commit_ended(
    world: World, trueup: Callable[..., Awaitable[Ended]]
) -> None:
    own = DEPLOYMENT.replace("web", "waits")
    made = world.repository("team/waits", {"web/deployment.yaml": own.format(tag="1")})
    await world.apply(repository("waits", "https://github.com/team/waits"))
    await world.apply(kustomization("waits", "./web", "waits", wait=True))
    await world.apply(application("waits", "https://github.com/team/waits", "web", "waits"))
    units = ("ks/waits", "app/waits")
    there = await trueup("wait", *units)
    assert there.code == 0 and there.out.count("\n") == 2, there
    good = made.commit({"web/deployment.yaml": own.format(tag="2")}, "Raise it")
    there = await trueup("wait", *units, "gitrepo/waits", "--revision", good[:9])
    assert there.code == 0, there.err
    assert ready(await world.get(KUSTOMIZATION, "flux-system", "waits"), good)
    assert synced(await world.get(APPLICATION, "argocd", "waits"), good)
    bad = made.commit({"web/deployment.yaml": own.format(tag="broken")}, "Break it")
    for unit in units:
        ended = await trueup("wait", unit, "--revision", bad)
        assert ended.code == 1 and "is held back" in ended.err and "crash-loops" in ended.err, ended
        assert "`trueup why" in ended.err
    assert (await trueup("wait", "app/waits", "--revision", "0" * 40, "--timeout", "0.5")).code == 3
    assert (await trueup("suspend", "ks/waits")).code == 0
    paused = await trueup("wait", "ks/waits")
    assert paused.code == 1 and "`trueup resume" in paused.err
