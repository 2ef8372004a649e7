"""A person pins a unit to an earlier deployment from the command line, and releases it; Git changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    condition,
    kustomization,
    ready,
    repository,
    says,
    synced,
    told,
)
from trueup.devtools.gitserver import Repository

CONFIG = ("", "ConfigMap")
STATE = ("trueup.dev", "UnitState")
URL = "https://github.com/team/pins"


def config(value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata: {{key: '{value}'}}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def repo(world: World) -> AsyncIterator[Repository]:
    made = world.repository("team/pins", {"flux/web.yaml": config("1"), "argo/web.yaml": config("1")})
    await world.apply(repository("pins", URL))
    await world.apply(kustomization("pinned", "./flux", "pins", wait=True))
    await world.apply(application("pinned", URL, "argo", "pins"))
    await world.until(KUSTOMIZATION, "flux-system", "pinned", ready)
    await world.until(APPLICATION, "argocd", "pinned", synced)
    yield made


async def trueup(world: World, *arguments: str, code: int = 0) -> str:
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("trueup"),
        *arguments,
        "--kubeconfig",
        str(world.cluster.kubeconfig),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(os.environ),
    )
    out, _ = await process.communicate()
    assert process.returncode == code, out.decode()
    return out.decode()


def holds(value: str) -> object:
    return lambda body: body is not None and body["data"] == {"key": value}


async def test_a_kustomization_is_pinned_and_released(world: World, repo: Repository) -> None:
    first = repo.commit({"flux/web.yaml": config("2")}, "two")
    await world.until(KUSTOMIZATION, "flux-system", "pinned", lambda body: ready(body, first))
    await world.until(CONFIG, "flux-system", "web", holds("2"))  # type: ignore[arg-type]
    out = await trueup(world, "rollback", "ks/pinned", "--reason", "two is wrong")
    assert "pinned to main@sha1:" in out
    await world.until(CONFIG, "flux-system", "web", holds("1"))  # type: ignore[arg-type]
    body = await world.until(KUSTOMIZATION, "flux-system", "pinned", says("pinned to", "two is wrong"))
    assert condition(body, "Ready")["status"] == "True"
    assert "pinned to" in condition(body, "Ready")["message"]
    state = await world.get(STATE, "flux-system", "kustomization.pinned")
    assert state is not None and "trueup.dev/request" not in json.dumps(state["metadata"])
    assert state["state"]["pin"]["by"], "the API server says who asks"
    later = repo.commit({"flux/web.yaml": config("3")}, "three")
    await world.until(
        KUSTOMIZATION,
        "flux-system",
        "pinned",
        lambda body: "pinned to" in told(body) and first not in str((body or {})["status"]["lastAppliedRevision"]),
    )
    await world.patch(CONFIG, "flux-system", "web", {"data": {"key": "by hand"}})
    await world.until(CONFIG, "flux-system", "web", holds("1"))  # type: ignore[arg-type]
    for command in (("get", "ks/pinned"), ("tree", "ks/pinned"), ("history", "ks/pinned")):
        assert "pinned to" in " ".join((await trueup(world, *command)).split()), command
    assert "it can be pinned to: " in await trueup(world, "rollback", "ks/pinned", "--to", "999", code=2)
    assert "released" in await trueup(world, "unpin", "ks/pinned")
    assert "is not pinned" in await trueup(world, "unpin", "ks/pinned", code=2)
    body = await world.until(KUSTOMIZATION, "flux-system", "pinned", lambda found: ready(found, later))
    assert "pinned" not in told(body)
    await world.until(CONFIG, "flux-system", "web", holds("3"))  # type: ignore[arg-type]


async def test_an_application_refuses_other_revisions_while_pinned(world: World, repo: Repository) -> None:
    second = repo.commit({"argo/web.yaml": config("2")}, "two")
    await world.until(APPLICATION, "argocd", "pinned", lambda body: synced(body, second))
    await trueup(world, "rollback", "app/pinned")
    await world.until(CONFIG, "pins", "web", holds("1"))  # type: ignore[arg-type]
    await world.until(
        APPLICATION,
        "argocd",
        "pinned",
        lambda body: (
            (body or {})["status"]["sync"]["status"] == "OutOfSync"
            and any(item["type"] == "PinnedWarning" for item in (body or {})["status"].get("conditions", []))
        ),
    )
    shown = json.loads(await trueup(world, "get", "app/pinned", "-o", "json"))[0]
    state = await world.get(STATE, "argocd", "application.pinned")
    assert state is not None and state["state"]["pin"]["inputs"]["revision"].endswith(shown["revision"])
    assert shown["message"].startswith("pinned to") and shown["revision"] != second
    why = await trueup(world, "why", "app/pinned")
    assert "it is pinned to" in why and "as it should be" not in why
    operation = {"operation": {"initiatedBy": {"username": "joe"}, "sync": {"revision": second}}}
    await world.patch(APPLICATION, "argocd", "pinned", operation)
    body = await world.until(
        APPLICATION,
        "argocd",
        "pinned",
        lambda found: (
            (found or {})["status"]["operationState"]["phase"] == "Error" and "operation" not in (found or {})
        ),
    )
    assert "the unit is pinned" in body["status"]["operationState"]["message"]
    await world.until(CONFIG, "pins", "web", holds("1"))  # type: ignore[arg-type]
    await trueup(world, "unpin", "app/pinned")
    await world.until(APPLICATION, "argocd", "pinned", lambda found: synced(found, second))
    state = await world.get(STATE, "argocd", "application.pinned")
    assert state is not None
    entries = state["state"]["history"]
    earlier, record = entries[0]["revision"], entries[0]["sync"]
    commit = earlier.rpartition(":")[2]
    for word in (str(entries[0]["id"]), record[:12], commit[:8], f"HEAD@{commit[:8]}", f"sha1:{commit}"):
        done = await trueup(world, "diff", "app/pinned", "--from", word, "--to", commit[:7])
        assert done == "", (word, done)
    assert "there are: " in await trueup(world, "diff", "app/pinned", "--from", "999", code=2)
    # The same content may stand under a later revision by now: that one is pinned, and shown.
    assert "pinned to main@sha1:" in await trueup(world, "rollback", "app/pinned", "--to", record[:12])
    await world.until(CONFIG, "pins", "web", holds("1"))  # type: ignore[arg-type]
    await trueup(world, "unpin", "app/pinned")


async def test_an_application_goes_back_to_an_entry_of_its_history_with_the_source_it_had(world: World) -> None:
    repo = world.repository("team/back", {"one/web.yaml": config("one"), "two/web.yaml": config("two")})
    url = "https://github.com/team/back"
    await world.apply(application("back", url, "one", "back", auto=False))
    sync = {"operation": {"initiatedBy": {"username": "jane"}, "sync": {}}}
    await world.until(APPLICATION, "argocd", "back", lambda body: "sync" in ((body or {}).get("status") or {}))
    await world.patch(APPLICATION, "argocd", "back", sync)
    await world.until(APPLICATION, "argocd", "back", synced)
    await world.patch(APPLICATION, "argocd", "back", {"spec": {"source": {"path": "two"}}})
    await world.until(
        APPLICATION, "argocd", "back", lambda body: (body or {})["status"]["sync"]["status"] == "OutOfSync"
    )
    # Another person asks: the same request within the same second would be taken for the first.
    again = {"operation": {"initiatedBy": {"username": "joe"}, "sync": {}}}
    await world.patch(APPLICATION, "argocd", "back", again)
    body = await world.until(APPLICATION, "argocd", "back", synced)
    await world.until(CONFIG, "back", "web", holds("two"))  # type: ignore[arg-type]
    entry = body["status"]["history"][0]
    assert entry["source"]["path"] == "one" and entry["revision"] == repo.head()
    back = {"revision": entry["revision"], "source": entry["source"], "syncStrategy": {"apply": {}}}
    await world.patch(APPLICATION, "argocd", "back", {"operation": {"sync": back}})
    await world.until(CONFIG, "back", "web", holds("one"))  # type: ignore[arg-type]
    body = await world.until(
        APPLICATION,
        "argocd",
        "back",
        lambda found: (found or {})["status"]["sync"]["status"] == "OutOfSync" and "operation" not in (found or {}),
    )
    assert body["status"]["operationState"]["phase"] == "Succeeded"
    await world.settled()
    assert holds("one")(await world.get(CONFIG, "back", "web"))  # type: ignore[operator]
