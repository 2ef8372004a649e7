"""What Flux's users know a Kustomization and a GitRepository to do, on a real API server."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from support.e2e import KUSTOMIZATION, REPOSITORY, World, condition, kustomization, ready, repository, says
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository

MAPS = ("", "ConfigMap")
WHERE = "flux-system"
REQUESTED = "reconcile.fluxcd.io/requestedAt"


def config(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"


def deployment(name: str, image: str) -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n"
        f"  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n"
        f"    spec: {{containers: [{{name: main, image: {image!r}}}]}}\n"
    )


def gone(body: Body | None) -> bool:
    return body is None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> AsyncIterator[Repository]:
    made = world.repository("team/flux", {"neighbour/map.yaml": config("neighbour")})
    await world.apply(repository("flux", "https://github.com/team/flux"))
    await world.apply(kustomization("neighbour", "./neighbour", "flux"))
    yield made


async def neighbour_at(world: World, commit: str) -> None:
    """Wait until the controller has worked on a commit in a healthy unit of the same repository."""
    await world.until(KUSTOMIZATION, WHERE, "neighbour", lambda body: ready(body, commit))


async def unit_at(world: World, name: str, commit: str) -> Body:
    return await world.until(KUSTOMIZATION, WHERE, name, lambda body: ready(body, commit))


@pytest.mark.parametrize("prune", [True, False])
async def test_what_git_no_longer_has_goes_only_with_prune(world: World, git: Repository, prune: bool) -> None:
    name = f"prune-{prune}".lower()
    files = {f"{name}/stays.yaml": config(f"{name}-stays"), f"{name}/goes.yaml": config(f"{name}-goes")}
    commit = git.commit(files, "two objects")
    await world.apply(kustomization(name, f"./{name}", "flux", prune=prune))
    await unit_at(world, name, commit)
    assert await world.get(MAPS, WHERE, f"{name}-goes") is not None
    commit = git.commit({f"{name}/goes.yaml": None}, "one object")
    await unit_at(world, name, commit)
    assert (await world.get(MAPS, WHERE, f"{name}-goes") is None) is prune
    assert await world.get(MAPS, WHERE, f"{name}-stays") is not None


async def test_a_rollout_is_waited_for_by_the_rules_of_kstatus(world: World, git: Repository) -> None:
    nowhere = deployment("nowhere", "app:1").replace(
        "spec: {containers", "spec: {nodeSelector: {no: where}, containers"
    )
    git.commit({"nowhere/app.yaml": nowhere}, "a pod that finds no node")
    await world.apply(kustomization("nowhere", "./nowhere", "flux", wait=True, timeout="3s"))
    await world.until(KUSTOMIZATION, WHERE, "nowhere", says("Available: 0/1"))
    fixed = nowhere.replace("nodeSelector: {no: where}, ", "")
    await unit_at(world, "nowhere", git.commit({"nowhere/app.yaml": fixed}, "a pod that does"))


async def test_a_suspended_unit_rests_until_it_is_resumed(world: World, git: Repository) -> None:
    commit = git.commit({"resting/map.yaml": config("resting", "before")}, "before")
    await world.apply(kustomization("resting", "./resting", "flux"))
    await unit_at(world, "resting", commit)
    await world.patch(KUSTOMIZATION, WHERE, "resting", {"spec": {"suspend": True}})
    commit = git.commit(
        {"resting/map.yaml": config("resting", "after"), "neighbour/map.yaml": config("neighbour", "after")}, "after"
    )
    await neighbour_at(world, commit)
    body = await world.get(KUSTOMIZATION, WHERE, "resting")
    live = await world.get(MAPS, WHERE, "resting")
    assert live is not None and live["data"] == {"value": "before"}
    assert not ready(body, commit), "a suspended unit claims no revision it has not applied"
    await world.patch(KUSTOMIZATION, WHERE, "resting", {"spec": {"suspend": False}})
    await unit_at(world, "resting", commit)
    live = await world.get(MAPS, WHERE, "resting")
    assert live is not None and live["data"] == {"value": "after"}


async def test_a_suspended_source_offers_no_new_revision(world: World, git: Repository) -> None:
    other = world.repository("team/still", {"a/map.yaml": config("still", "before")})
    before = other.head()
    await world.apply(repository("still", "https://github.com/team/still"))
    await world.apply(kustomization("still", "./a", "still"))
    await unit_at(world, "still", before)
    await world.patch(REPOSITORY, WHERE, "still", {"spec": {"suspend": True}})
    after = other.commit({"a/map.yaml": config("still", "after")}, "after")
    await neighbour_at(world, git.commit({"neighbour/map.yaml": config("neighbour", "on")}, "the other repository"))
    await neighbour_at(world, git.commit({"neighbour/map.yaml": config("neighbour", "and on")}, "and once more"))
    body = await world.get(REPOSITORY, WHERE, "still")
    assert body is not None and before in body["status"]["artifact"]["revision"]
    await world.patch(REPOSITORY, WHERE, "still", {"spec": {"suspend": False}})
    await unit_at(world, "still", after)


async def test_a_unit_comes_after_those_it_depends_on(world: World, git: Repository) -> None:
    files = {"first/deployment.yaml": deployment("first", "x:1"), "second/map.yaml": config("second")}
    commit = git.commit(files, "two units")
    await world.apply(kustomization("second", "./second", "flux", dependsOn=[{"name": "first"}]))
    body = await world.until(KUSTOMIZATION, WHERE, "second", says("first", "not ready"))
    assert condition(body, "Ready")["reason"] == "DependencyNotReady"
    assert await world.get(MAPS, WHERE, "second") is None
    await world.apply(kustomization("first", "./first", "flux", wait=True, timeout="1m"))
    await unit_at(world, "second", commit)
    first = await world.get(KUSTOMIZATION, WHERE, "first")
    assert ready(first, commit)
    second = await world.get(MAPS, WHERE, "second")
    live = await world.get(("apps", "Deployment"), WHERE, "first")
    assert second is not None and live is not None and live["status"]["readyReplicas"] == 1
    assert int(second["metadata"]["resourceVersion"]) > int(live["metadata"]["resourceVersion"])


async def test_health_checks_decide_whether_a_unit_is_ready(world: World, git: Repository) -> None:
    commit = git.commit({"sick/deployment.yaml": deployment("sick", "x:missing")}, "an image that is not there")
    checks = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "sick", "namespace": WHERE}]
    await world.apply(kustomization("checked", "./sick", "flux", healthChecks=checks, timeout="3s"))
    body = await world.until(KUSTOMIZATION, WHERE, "checked", says("Deployment/flux-system/sick"))
    body = await world.until(
        KUSTOMIZATION, WHERE, "checked", lambda body: condition(body, "Ready").get("reason") == "HealthCheckFailed"
    )
    assert condition(body, "Healthy")["status"] == "False"
    assert commit not in body["status"].get("lastAppliedRevision", "")
    cured = git.commit({"sick/deployment.yaml": deployment("sick", "x:1")}, "an image that is there")
    body = await unit_at(world, "checked", cured)
    assert condition(body, "Healthy")["status"] == "True"


async def test_a_request_to_reconcile_is_answered(world: World, git: Repository) -> None:
    for kind, name in ((REPOSITORY, "flux"), (KUSTOMIZATION, "neighbour")):
        for token in ("2026-01-01T00:00:00Z", "again"):
            await world.patch(kind, WHERE, name, {"metadata": {"annotations": {REQUESTED: token}}})
            await world.until(
                kind,
                WHERE,
                name,
                lambda body, token=token: (body or {})["status"].get("lastHandledReconcileAt") == token,
            )


@pytest.mark.parametrize(
    ("name", "spec", "stays"),
    [
        ("mirror", {"prune": True}, False),
        ("mirror-off", {"prune": False}, True),
        ("delete", {"prune": False, "deletionPolicy": "Delete"}, False),
        ("waiting", {"prune": True, "deletionPolicy": "WaitForTermination"}, False),
        ("orphan", {"prune": True, "deletionPolicy": "Orphan"}, True),
        ("asleep", {"prune": True, "suspend": True}, True),
    ],
)
async def test_what_becomes_of_the_objects_of_a_deleted_unit(
    world: World, git: Repository, name: str, spec: dict[str, object], stays: bool
) -> None:
    commit = git.commit({f"end-{name}/map.yaml": config(f"end-{name}")}, "something that ends")
    await world.apply(kustomization(f"end-{name}", f"./end-{name}", "flux", **{**spec, "suspend": False}))
    body = await unit_at(world, f"end-{name}", commit)
    assert body["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    if spec.get("suspend"):
        await world.patch(KUSTOMIZATION, WHERE, f"end-{name}", {"spec": {"suspend": True}})
    await world.delete(KUSTOMIZATION, WHERE, f"end-{name}")
    await world.until(KUSTOMIZATION, WHERE, f"end-{name}", gone)
    if stays:
        assert await world.get(MAPS, WHERE, f"end-{name}") is not None
    else:
        await world.until(MAPS, WHERE, f"end-{name}", gone, patience=120.0)


async def test_the_artifact_can_be_fetched_and_is_what_its_digest_says(world: World, git: Repository) -> None:
    commit = git.head()
    body = await world.until(
        REPOSITORY, WHERE, "flux", lambda body: commit in str((body or {}).get("status", {}).get("artifact"))
    )
    artifact = body["status"]["artifact"]
    async with aiohttp.ClientSession() as session, session.get(artifact["url"]) as reply:
        assert reply.status == 200
        content = await reply.read()
    assert artifact["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert artifact["size"] == len(content)
    assert artifact["revision"] == f"main@sha1:{commit}"
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        member = archive.extractfile("neighbour/map.yaml")
        assert member is not None
        assert member.read().decode() == git.git("show", f"{commit}:neighbour/map.yaml") + "\n"
    async with aiohttp.ClientSession() as session, session.get(artifact["url"] + "x") as reply:
        assert reply.status == 404
