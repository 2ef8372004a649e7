"""What people read when something happens: events on their objects, and the controller's log, by the commands too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from support.commands import run_trueup
from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    PATIENCE,
    REPOSITORY,
    World,
    application,
    kustomization,
    ready,
    repository,
    says,
    synced,
    working,
)
from trueup.devtools.gitserver import Repository
from trueup.kube.events import EVENTS
from trueup.runtime.controller import Controller

URL = "https://github.com/team/events"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{a: '{a}'}}\n"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: first-secret-word}\n"
BAD_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {password: {a: second-secret-word}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def repo(world: World) -> AsyncIterator[Repository]:
    made = world.repository(
        "team/events",
        {
            "web/deployment.yaml": DEPLOYMENT.format(tag="1"),
            "web/secret.yaml": SECRET,
            "app/map.yaml": MAP.format(a=1),
        },
    )
    await world.apply(repository("events", URL))
    await world.apply(kustomization("web", "./web", "events", wait=True))
    await world.apply(application("shop", URL, "app", "shop"))
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)
    await world.until(APPLICATION, "argocd", "shop", synced)
    yield made


async def events_of(world: World, kind: tuple[str, str], name: str, namespace: str) -> list[dict[str, Any]]:
    selector = {"fieldSelector": f"involvedObject.kind={kind[1]},involvedObject.name={name}"}
    return list((await world.client.list_all(EVENTS, namespace, selectors=selector)).items)


async def until_told(
    world: World, kind: tuple[str, str], name: str, namespace: str, reason: str, words: str
) -> dict[str, Any]:
    """Wait for an event; gives it."""
    found: list[dict[str, Any]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await events_of(world, kind, name, namespace)
                for one in found:
                    if one["reason"] == reason and words in one["message"]:
                        return one
                await asyncio.sleep(0.05)
    raise AssertionError([(one["reason"], one["message"]) for one in found])


async def test_an_application_has_the_events_that_argo_cd_writes(world: World, repo: Repository) -> None:
    commit = repo.commit({"app/map.yaml": MAP.format(a=2)}, "Raise a")
    started = await until_told(world, APPLICATION, "shop", "argocd", "OperationStarted", commit)
    assert started["message"] == f"Initiated automated sync to '{commit}'"
    done = await until_told(world, APPLICATION, "shop", "argocd", "OperationCompleted", commit)
    assert (done["type"], done["message"]) == ("Normal", f"Sync operation to {commit} succeeded")
    assert done["source"]["component"] == done["reportingComponent"] == "argocd-application-controller"
    assert done["reportingInstance"] == world.controller.identity
    body = await world.get(APPLICATION, "argocd", "shop")
    assert body is not None and done["involvedObject"]["uid"] == body["metadata"]["uid"]
    await until_told(world, APPLICATION, "shop", "argocd", "ResourceUpdated", "Updated sync status: ")


async def test_an_application_that_cannot_be_rendered_says_why_in_an_event(world: World, repo: Repository) -> None:
    repo.commit({"app/broken.yaml": "kind: ConfigMap\n  bad: [\n"}, "Break it")
    told = await until_told(world, APPLICATION, "shop", "argocd", "StatusRefreshed", "ComparisonError: ")
    assert told["type"] == "Warning" and "broken.yaml" in told["message"]
    repo.commit({"app/broken.yaml": None}, "Mend it")
    await world.until(APPLICATION, "argocd", "shop", synced)


async def test_what_drifted_is_a_partial_sync(world: World) -> None:
    await world.patch(("", "ConfigMap"), "shop", "app", {"data": {"a": "by hand"}})
    await until_told(world, APPLICATION, "shop", "argocd", "OperationCompleted", "Partial sync operation to ")


async def test_flux_objects_have_the_events_of_flux_controllers(world: World, repo: Repository) -> None:
    commit = repo.commit({"web/map.yaml": MAP.format(a=1)}, "Add a map")
    found = await until_told(world, REPOSITORY, "events", "flux-system", "NewArtifact", "Add a map")
    assert found["reportingComponent"] == "source-controller"
    changes = await until_told(world, KUSTOMIZATION, "web", "flux-system", "Progressing", "ConfigMap/flux-system/app")
    assert changes["message"] == "ConfigMap/flux-system/app created"
    annotations = changes["metadata"]["annotations"]
    assert annotations["kustomize.toolkit.fluxcd.io/revision"].endswith(commit)
    done = await until_told(world, KUSTOMIZATION, "web", "flux-system", "ReconciliationSucceeded", "next run in 5m")
    assert done["reportingComponent"] == "kustomize-controller" and done["type"] == "Normal"
    assert done["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/commit_status"] == "update"
    assert len(done["metadata"]["annotations"]["trueup.dev/sync"]) == 32


async def test_a_dependency_that_is_not_ready_is_an_event(world: World) -> None:
    await world.apply(kustomization("late", "./app", "events", dependsOn=[{"name": "nobody"}]))
    await world.until(KUSTOMIZATION, "flux-system", "late", says("nobody"))
    await world.patch(KUSTOMIZATION, "flux-system", "late", {"spec": {"dependsOn": [{"name": "somebody"}]}})
    told = await until_told(world, KUSTOMIZATION, "late", "flux-system", "DependencyNotReady", "somebody")
    assert told["type"] == "Normal"
    await world.delete(KUSTOMIZATION, "flux-system", "late")


async def test_no_event_tells_a_secret_or_is_too_long(world: World, repo: Repository) -> None:
    repo.commit({"web/secret.yaml": BAD_SECRET}, "Break the Secret")
    told = await until_told(
        world, KUSTOMIZATION, "web", "flux-system", "ReconciliationFailed", "Secret/flux-system/key"
    )
    assert told["type"] == "Warning"
    every = (await world.client.list_all(EVENTS)).items
    assert "secret-word" not in json.dumps(every)
    assert max(len(one.get("message") or "") for one in every) <= 1024
    repo.commit({"web/secret.yaml": SECRET}, "Mend the Secret")
    await world.until(KUSTOMIZATION, "flux-system", "web", ready)


async def test_reconciliations_without_news_write_no_event_and_a_restart_repeats_none(world: World) -> None:
    async def seen() -> Counter[str]:
        selectors = {"labelSelector": "app.kubernetes.io/managed-by=trueup"}
        written = await world.client.list_all(EVENTS, selectors=selectors)
        return Counter({one["metadata"]["name"]: one["count"] for one in written.items})

    await world.settled()
    # With its end a controller has written what was to be written.
    await world.stop()
    before = await seen()
    assert before
    again = Controller(world.controller.settings)
    async with working(again):
        world.controller = again
        for name in ("first", "second"):
            patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": name}}}
            await world.patch(KUSTOMIZATION, "flux-system", "web", patch)
            await world.seen(KUSTOMIZATION, "flux-system", "web")
    assert await seen() == before, "neither a restart nor a look is news"


@asynccontextmanager
async def run(world: World, data: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `trueup run` as a process, until it works; it is ended, and what it said stands in `<data>/said`."""
    data.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig)}
    command = (sys.executable, "-m", "trueup.cli.main", "run", "--data", str(data), "--poll", "1", *arguments)
    with (data / "said").open("ab") as said:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=said, stderr=said)
    try:
        async with asyncio.timeout(PATIENCE):
            while not any(word in (data / "said").read_text() for word in ("working", "standing by")):
                assert process.returncode is None, (data / "said").read_text()
                await asyncio.sleep(0.05)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


@asynccontextmanager
async def going_on(world: World, *arguments: str) -> AsyncIterator[Callable[[str], Any]]:
    """Run a command that goes on; gives a way to wait for a line with some words."""
    environment = {**os.environ, "KUBECONFIG": str(world.cluster.kubeconfig), "PYTHONUNBUFFERED": "1"}
    command = (sys.executable, "-m", "trueup.cli.main", *arguments)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    stream = process.stdout
    assert stream is not None

    async def line_with(words: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while line := (await stream.readline()).decode():
                if words in line:
                    return line
        raise AssertionError(f"it ended without {words!r}")

    try:
        yield line_with
    finally:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 130


async def test_the_log_tells_the_whole_way_of_a_sync_with_the_id_of_the_history(
    world: World, repo: Repository, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    history = f"sqlite:///{data}/history/history.db"

    async def lines(*arguments: str) -> list[dict[str, Any]]:
        done = await run_trueup(world.cluster, "logs", "--data", str(data), "-o", "json", *arguments)
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    async with run(world, data):
        async with going_on(world, "logs", "ks/web", "-f", "--data", str(data)) as line_with:
            commit = repo.commit({"web/map.yaml": MAP.format(a=2)}, "Raise it")
            await world.until(KUSTOMIZATION, "flux-system", "web", lambda body: ready(body, commit))
            assert commit in await line_with("source changed")
            ended = await line_with("sync ended")
            assert "unit=Kustomization/flux-system/web" in ended and "duration=" in ended and commit in ended
        found = await lines("kustomization/flux-system/web")
        begun = [one for one in found if one["event"] == "sync begun" and commit in one["revision"]]
        done = [one for one in found if one["event"] == "sync ended" and commit in one["revision"]]
        assert len(begun) == len(done) == 1 and begun[0]["sync"] == done[0]["sync"]
        assert done[0]["changed"] == "1 configured" and isinstance(done[0]["duration"], float)
        shown = await run_trueup(world.cluster, "history", "show", done[0]["sync"], "--history-url", history)
        assert shown.code == 0, shown.err
        repo.commit({"web/map.yaml": None}, "Remove it")
        await world.until(("", "ConfigMap"), "flux-system", "app", lambda body: body is None)
        await world.patch(("apps", "Deployment"), "flux-system", "web", {"spec": {"replicas": 3}})
        commit = repo.commit({"web/broken.yaml": "kind: ConfigMap\n  bad: [\n"}, "Break it")
        await world.until(KUSTOMIZATION, "flux-system", "web", says("broken.yaml"))
        async with asyncio.timeout(PATIENCE):
            names: set[str] = set()
            while not {"objects pruned", "render failed"} <= names:
                names = {one["event"] for one in await lines("ks/web")}
        bad = await lines("ks/web", "--level", "warning", "--since", "1h")
        assert {one["level"] for one in bad} == {"warning"} and "render failed" in {one["event"] for one in bad}
        repo.commit({"web/broken.yaml": None}, "Mend it")
        await world.until(KUSTOMIZATION, "flux-system", "web", ready)
        assert not await lines("app/shop", "--since", "2999-01-01")
    assert "secret-word" not in "".join(path.read_text() for path in (data / "logs").rglob("*.jsonl"))
    left = await run_trueup(world.cluster, "logs", "--data", str(data), "--tail", "1")
    assert left.code == 0 and "no controller works on this cluster at the moment" in left.err and left.out


async def test_a_bad_sync_its_rollback_and_its_hold_are_lines_and_events(
    world: World, repo: Repository, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with run(world, data, "--log-format", "json"):
        good = repo.commit({"web/mark.yaml": MAP.format(a=1)}, "Begin well")
        await world.until(KUSTOMIZATION, "flux-system", "web", lambda body: ready(body, good))
        bad = repo.commit({"web/deployment.yaml": DEPLOYMENT.format(tag="broken")}, "Ship what crashes")
        await world.until(KUSTOMIZATION, "flux-system", "web", says("held back", bad))
        told = await until_told(
            world, KUSTOMIZATION, "web", "flux-system", "HealthCheckFailed", "Deployment/flux-system/web"
        )
        assert told["type"] == "Warning"
        found = await run_trueup(world.cluster, "logs", "ks/web", "--data", str(data), "-o", "json")
        events = {one["event"]: one for one in map(json.loads, found.out.splitlines())}
        assert {"rollback", "revision held back", "rollback begun"} <= set(events)
        assert (
            events["rollback"]["sync"] == events["revision held back"]["sync"] and bad in events["rollback"]["revision"]
        )
        repo.commit({"web/deployment.yaml": DEPLOYMENT.format(tag="1")}, "Go back")
        await world.until(KUSTOMIZATION, "flux-system", "web", ready)


async def test_events_of_a_unit_are_those_of_its_source_objects_and_pods(
    world: World, repo: Repository, tmp_path: Path
) -> None:
    pulling = kustomization("pulling", "./pull", "events", wait=True)
    async with run(world, tmp_path / "data"):
        repo.commit({"pull/deployment.yaml": DEPLOYMENT.format(tag="missing").replace("web", "pull")}, "Pull")
        async with going_on(world, "events", "gitrepo/events", "-w", "-o", "json") as line_with:
            await world.apply(pulling)
            repo.commit({"README.md": "news"}, "Something else")
            assert json.loads(await line_with("Something else"))["reason"] == "NewArtifact"
        await until_told(world, KUSTOMIZATION, "pulling", "flux-system", "Progressing", "pull created")
        async with going_on(world, "events", "ks/pulling", "-w", "-o", "json") as line_with:
            failing = json.loads(await line_with("Pod/flux-system/pull-"))
            assert failing["object"].startswith("Pod/flux-system/pull-")
        done = await run_trueup(world.cluster, "events", "ks/pulling", "-o", "json")
        found = json.loads(done.out)
        assert [one["last"] for one in found] == sorted(one["last"] for one in found), "the newest is the last"
        objects = {one["object"].partition("-")[0] for one in found}
        assert {"Kustomization/flux", "GitRepository/flux", "Pod/flux"} <= objects
        assert not any("/web" in one["object"] for one in found), "another unit's objects are not told of"
        every = await run_trueup(world.cluster, "events")
        assert every.code == 0 and "OperationCompleted" in every.out and "NewArtifact" in every.out
        assert "Pod/" not in every.out
        await world.delete(KUSTOMIZATION, "flux-system", "pulling")
        await world.until(("apps", "Deployment"), "flux-system", "pull", lambda body: body is None)


async def test_what_is_not_there_is_said_plainly(world: World, tmp_path: Path) -> None:
    await world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: quiet}\n")
    await world.apply(kustomization("quiet", "./app", "nowhere", namespace="quiet"))
    silent = await run_trueup(world.cluster, "events", "ks/quiet")
    assert silent.code == 0 and silent.out == ""
    assert "no events of Kustomization/quiet/quiet" in silent.err and "after an hour" in silent.err
    for command in ("events", "logs"):
        unknown = await run_trueup(world.cluster, command, "ks/nobody")
        assert unknown.code == 4 and "there is no unit or source 'ks/nobody'" in unknown.err
    absent = await run_trueup(world.cluster, "logs", "--controller-namespace", "elsewhere")
    assert absent.code == 1 and "no Lease elsewhere/trueup-controller" in absent.err and "trueup run" in absent.err
    other = await run_trueup(world.cluster, "logs", "--data", str(tmp_path / "other"))
    assert other.code == 1 and "error: " in other.err and "log" in other.err
    wrong = await run_trueup(world.cluster, "logs", "--since", "yesterday")
    assert wrong.code == 2 and "'yesterday' is no time" in wrong.err


async def test_who_may_see_little_is_told_what_is_missing(
    world: World, kubectl: Callable[..., str], tmp_path: Path
) -> None:
    kubectl("create", "serviceaccount", "viewer", "-n", "flux-system")
    rules = (
        "--verb=get,list,watch",
        "--resource=kustomizations,gitrepositories,applications,unitstates.trueup.dev,events",
    )
    kubectl("create", "clusterrole", "little", *rules)
    kubectl("create", "clusterrolebinding", "little", "--clusterrole=little", "--serviceaccount=flux-system:viewer")
    token = kubectl("create", "token", "viewer", "-n", "flux-system").strip()
    config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    config["users"] = [{"name": "viewer", "user": {"token": token}}]
    for one in config["contexts"]:
        one["context"]["user"] = "viewer"
    path = tmp_path / "viewer"
    path.write_text(json.dumps(config))
    seen = await run_trueup(world.cluster, "events", "ks/web", "--kubeconfig", str(path))
    assert seen.code == 0, seen.err
    assert "ReconciliationSucceeded" in seen.out and "what controllers have made is not told of" in seen.err
    logs = await run_trueup(world.cluster, "logs", "ks/web", "--kubeconfig", str(path))
    assert logs.code == 6 and "leases" in logs.err and "hint: " in logs.err


async def test_a_standby_is_ready_and_says_who_leads_and_what_its_history_lacks(world: World, tmp_path: Path) -> None:
    async with (
        run(world, tmp_path / "first", "--log-format", "json"),
        run(world, tmp_path / "second", "--log-format", "json"),
    ):
        first, second = (said(tmp_path / name) for name in ("first", "second"))
        leader = next(one["identity"] for one in first if one["event"] == "working")
        standby = next(one for one in second if one["event"] == "standing by")
        assert standby["leader"] == leader
        lacks = await until_said(tmp_path / "second", "each replica keeps a history of its own")
        assert "postgresql://" in lacks["hint"]
        for name, role, code in (("first", "leader", 200), ("second", f"standby, leader is {leader}", 503)):
            address = (await until_said(tmp_path / name, "listening"))["address"]
            async with aiohttp.ClientSession(address) as client:
                async with client.get("/readyz") as answer:
                    assert (answer.status, (await answer.text()).strip()) == (200, role)
                async with client.get("/leaderz") as answer:
                    assert answer.status == code


def said(data: Path) -> list[dict[str, Any]]:
    """Give the lines of a log in JSON."""
    return [json.loads(line) for line in (data / "said").read_text().splitlines() if line.startswith("{")]


async def until_said(data: Path, event: str) -> dict[str, Any]:
    """Wait for a line; gives it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for one in said(data):
                if one["event"] == event:
                    return one
            await asyncio.sleep(0.05)
