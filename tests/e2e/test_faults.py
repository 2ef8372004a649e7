"""What breaks around a controller: the API server, Git, its own workers, its lease. Nothing is lost, and it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from support.controllers import started, writes_of
from support.e2e import KUSTOMIZATION, REPOSITORY, World, condition, kustomization, ready, repository, says
from trueup.devtools.gitserver import Repository

MAPS = ("", "ConfigMap")
URL = "https://github.com/team/faults"


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World) -> AsyncIterator[Repository]:
    made = world.repository("team/faults", {"unit/map.yaml": config("unit", "1"), "base/map.yaml": config("base", "1")})
    await world.apply(repository("faults", URL))
    await world.apply(kustomization("unit", "./unit", "faults"))
    await world.until(KUSTOMIZATION, "flux-system", "unit", ready)
    yield made


def value_is(wanted: str) -> Any:
    return lambda body: body is not None and body["data"]["value"] == wanted


async def heals(world: World) -> None:
    await world.patch(MAPS, "flux-system", "unit", {"data": {"value": "by hand"}})
    await world.until(MAPS, "flux-system", "unit", lambda body: body is not None and body["data"]["value"] != "by hand")


async def delivers(world: World, repo: Repository, value: str) -> None:
    commit = repo.commit({"unit/map.yaml": config("unit", value)}, f"deliver {value}")
    await world.until(MAPS, "flux-system", "unit", value_is(value))
    await world.until(KUSTOMIZATION, "flux-system", "unit", lambda body: ready(body, commit))


async def test_the_api_server_restarts(world: World, repo: Repository) -> None:
    await world.cluster.restart_apiserver()
    await delivers(world, repo, "after a restart")
    await heals(world)


async def test_etcd_is_compacted_under_the_watches(world: World, repo: Repository) -> None:
    await world.cluster.compact_etcd()
    await world.cluster.restart_apiserver()
    await delivers(world, repo, "after a compaction")
    await heals(world)


async def test_git_is_down_and_comes_back(world: World, repo: Repository) -> None:
    world.server.faults.down = True
    try:
        body = await world.until(
            REPOSITORY, "flux-system", "faults", lambda found: condition(found, "Ready").get("status") == "False"
        )
        assert condition(body, "Ready")["reason"] == "GitOperationFailed" and body["status"]["artifact"]["revision"]
        await heals(world)
    finally:
        world.server.faults.clear()
    await delivers(world, repo, "after an outage")


async def test_git_serves_garbage(world: World, repo: Repository) -> None:
    world.server.faults.garbage = b"<html>maintenance</html>"
    try:
        await world.until(
            REPOSITORY, "flux-system", "faults", lambda found: condition(found, "Ready").get("status") == "False"
        )
        await heals(world)
    finally:
        world.server.faults.clear()
    await delivers(world, repo, "after garbage")


async def test_the_history_is_rewritten(world: World, repo: Repository) -> None:
    files = {"unit/map.yaml": config("unit", "rewritten"), "base/map.yaml": config("base", "1")}
    commit = repo.commit(files, "another history", parents=[])
    await world.until(KUSTOMIZATION, "flux-system", "unit", lambda body: ready(body, commit))
    await world.until(MAPS, "flux-system", "unit", value_is("rewritten"))


async def test_a_worker_is_killed(world: World, repo: Repository) -> None:
    session = world.controller.session
    assert session is not None
    for pid in session.renderer.pids:
        os.kill(pid, signal.SIGKILL)
    await delivers(world, repo, "by another worker")


async def test_an_aggregated_api_is_down(world: World, repo: Repository) -> None:
    await world.apply(
        """apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.nowhere.example.com}
spec:
  group: nowhere.example.com
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: nowhere, namespace: default}
"""
    )
    await asyncio.sleep(1)
    repo.commit({"aggregated/thing.yaml": "apiVersion: nowhere.example.com/v1\nkind: A\nmetadata: {name: a}\n"}, "down")
    await world.apply(kustomization("aggregated", "./aggregated", "faults"))
    await world.until(KUSTOMIZATION, "flux-system", "aggregated", says("nowhere.example.com"))
    await delivers(world, repo, "beside a dead API")
    await world.delete(("apiregistration.k8s.io", "APIService"), "", "v1.nowhere.example.com")


async def test_an_admission_webhook_fails(world: World, repo: Repository) -> None:
    await world.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: hooked, labels: {hooked: 'yes'}}\n")
    await world.apply(
        """apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: broken}
webhooks:
  - name: broken.example.com
    failurePolicy: Fail
    sideEffects: None
    timeoutSeconds: 1
    admissionReviewVersions: [v1]
    namespaceSelector: {matchLabels: {hooked: 'yes'}}
    rules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [configmaps]}]
    clientConfig: {url: 'https://127.0.0.1:1/validate'}
"""
    )
    await asyncio.sleep(1)
    repo.commit({"hooked/map.yaml": config("hooked", "1")}, "deliver behind a webhook")
    await world.apply(kustomization("hooked", "./hooked", "faults", targetNamespace="hooked"))
    await world.until(KUSTOMIZATION, "flux-system", "hooked", says("broken.example.com"))
    await delivers(world, repo, "beside a broken webhook")
    await world.delete(("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"), "", "broken")
    await world.until(KUSTOMIZATION, "flux-system", "hooked", ready)


async def test_somebody_keeps_changing_an_object_back(world: World, repo: Repository) -> None:
    await delivers(world, repo, "fought over")
    changes = 0
    until = time.monotonic() + 4
    while time.monotonic() < until:
        body = await world.get(MAPS, "flux-system", "unit")
        if body is not None and body["data"]["value"] != "mine":
            await world.patch(MAPS, "flux-system", "unit", {"data": {"value": "mine"}})
            changes += 1
        await asyncio.sleep(0.02)
    assert changes <= 6, "healing is damped"
    await world.until(
        KUSTOMIZATION, "flux-system", "unit", lambda body: "keeps changing it back" in str((body or {}).get("status"))
    )


async def test_a_controller_that_wakes_without_its_lease_writes_nothing(
    world: World, repo: Repository, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    async with started(world, first, "shared-lease", seconds=2.0) as sleeping:
        os.kill(sleeping.pid, signal.SIGSTOP)
        before = writes_of(first)
        async with started(world, second, "shared-lease", seconds=2.0):
            commit = repo.commit({"unit/map.yaml": config("unit", "by the second")}, "while the first sleeps")
            await world.until(KUSTOMIZATION, "flux-system", "unit", lambda body: ready(body, commit))
            os.kill(sleeping.pid, signal.SIGCONT)
            await world.patch(MAPS, "flux-system", "unit", {"data": {"value": "drift"}})
            await world.until(
                MAPS, "flux-system", "unit", lambda body: body is not None and body["data"]["value"] != "drift"
            )
            # Long enough for the first to have looked at what has changed while it slept.
            await asyncio.sleep(2)
            assert writes_of(first) == before, "the first has lost its lease"
            assert writes_of(second), "the second holds it"
