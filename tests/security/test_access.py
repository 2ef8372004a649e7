"""The wall of a repository: its content is for those whom its host lets in, whoever else has it here already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    REPOSITORY,
    World,
    application,
    condition,
    kustomization,
    ready,
    repository,
    synced,
    told,
    working,
    world,
)
from trueup.core.model.objects import Body, ObjectRef
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

MAPS = ("", "ConfigMap")
FILES = {"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: private}\ndata: {canary: inside}\n"}
PASSWORD = "right-word"


class Scene:
    """A host that lets in Alice alone, with a repository of hers that team-a follows."""

    def __init__(self, made: World, host: GitServer, private: Repository) -> None:
        self.world = made
        self.host = host
        self.private = private
        self.url = f"{host.url}/p.git"
        self.commit = private.head()

    def with_user(self, user: str) -> str:
        return self.url.replace("://", f"://{user}@")


@pytest_asyncio.fixture(scope="module", loop_scope="session", name="scene")
async def a_scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("access")
    (folder / "private").mkdir()
    async with (
        Cluster.start(ephemeral=True, nodes=1) as cluster,
        GitServer(folder / "private", users={"alice": PASSWORD, "carol": "carols-word"}) as host,
        world(cluster, folder, poll=1.0, jitter=0.0) as made,
    ):
        private = Repository.create(host.root / "p.git")
        private.commit(FILES, "first")
        scene = Scene(made, host, private)
        for team in ("team-a", "team-b"):
            await made.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {team}}}\n")
        await made.apply(secret("alice", "team-a", username="alice", password=PASSWORD))
        await made.apply(source("a", "team-a", scene.url, secret="alice"))
        await made.until(REPOSITORY, "team-a", "a", is_ready)
        yield scene


def secret(name: str, namespace: str, **data: str) -> str:
    body: Body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    return yaml.safe_dump({**body, "stringData": data})


def source(name: str, namespace: str, url: str, secret: str = "", **ref: str) -> str:
    body = yaml.safe_load(repository(name, url, namespace))
    if ref:
        body["spec"]["ref"] = ref
    if secret:
        body["spec"]["secretRef"] = {"name": secret}
    return yaml.safe_dump(body)


def is_ready(body: Body | None) -> bool:
    return condition(body, "Ready").get("status") == "True"


def refused(body: Body | None) -> bool:
    found = condition(body, "Ready")
    return found.get("status") == "False" and found.get("reason") == "AuthenticationFailed"


async def kept_out(scene: Scene, name: str) -> None:
    """Deliver what a source of team-b gives, and see that it gives nothing."""
    made = scene.world
    await made.apply(kustomization(name, "./app", name, "team-b", targetNamespace="team-b"))
    seen = await made.until(REPOSITORY, "team-b", name, refused)
    assert "artifact" not in seen["status"] and PASSWORD not in str(seen)
    await made.settled()
    assert await made.get(MAPS, "team-b", "private") is None
    await made.delete(KUSTOMIZATION, "team-b", name)
    await made.delete(REPOSITORY, "team-b", name)


async def test_naming_a_commit_without_any_credential(scene: Scene) -> None:
    await scene.world.apply(source("by-commit", "team-b", scene.url, commit=scene.commit))
    await kept_out(scene, "by-commit")


async def test_naming_a_commit_of_a_branch(scene: Scene) -> None:
    await scene.world.apply(source("of-branch", "team-b", scene.url, branch="main", commit=scene.commit))
    await kept_out(scene, "of-branch")


async def test_naming_a_commit_with_a_wrong_password(scene: Scene) -> None:
    await scene.world.apply(secret("wrong", "team-b", username="alice", password="wrong-word"))
    await scene.world.apply(source("wrong-word", "team-b", scene.url, secret="wrong", commit=scene.commit))
    await kept_out(scene, "wrong-word")


async def test_naming_a_branch_that_somebody_else_follows(scene: Scene) -> None:
    await scene.world.apply(source("by-branch", "team-b", scene.url))
    await kept_out(scene, "by-branch")


async def test_claiming_a_revision_in_ones_own_status(scene: Scene) -> None:
    made = scene.world
    await made.apply(source("claims", "team-b", scene.url))
    await made.until(REPOSITORY, "team-b", "claims", refused)
    resource = await made.mapper.of(ObjectRef(*REPOSITORY, "team-b", "claims"))
    artifact = {
        "revision": f"main@sha1:{scene.commit}",
        "path": "x",
        "url": "http://x",
        "digest": "sha256:" + "0" * 64,
        "lastUpdateTime": "2026-01-01T00:00:00Z",
    }
    await made.client.patch(resource, "claims/status", "team-b", {"status": {"artifact": artifact}})
    await made.apply(kustomization("claims", "./app", "claims", "team-b", targetNamespace="team-b"))
    asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    for kind in (REPOSITORY, KUSTOMIZATION):
        await made.patch(kind, "team-b", "claims", asked)
        await made.seen(kind, "team-b", "claims")
    assert await made.get(MAPS, "team-b", "private") is None
    await made.delete(KUSTOMIZATION, "team-b", "claims")
    await made.delete(REPOSITORY, "team-b", "claims")


async def test_a_password_in_somebody_elses_url(scene: Scene) -> None:
    made = scene.world
    await made.apply(source("in-url", "team-a", scene.with_user(f"alice:{PASSWORD}")))
    await made.until(REPOSITORY, "team-a", "in-url", is_ready)
    for name, user in (("bare-url", ""), ("wrong-url", "alice:wrong-word")):
        await made.apply(source(name, "team-b", scene.with_user(user) if user else scene.url))
        await kept_out(scene, name)
    mine = await made.get(REPOSITORY, "team-a", "in-url")
    assert is_ready(mine) and "wrong-word" not in str((mine or {}).get("status")), (
        "nor does it harm who was there first"
    )


async def test_a_proof_ends_when_the_host_refuses(scene: Scene) -> None:
    """Carol was let in, and is not any more: what she had before is not given to her for ever."""
    made = scene.world
    await made.apply(secret("carol", "team-b", username="carol", password="carols-word"))
    await made.apply(source("carol", "team-b", scene.url, secret="carol", branch="main"))
    await made.until(REPOSITORY, "team-b", "carol", is_ready)
    del scene.host._users["carol"]
    await made.until(REPOSITORY, "team-b", "carol", refused)
    await made.apply(source("carol", "team-b", scene.url, secret="carol", commit=scene.commit))
    await made.until(REPOSITORY, "team-b", "carol", refused)
    await made.delete(REPOSITORY, "team-b", "carol")


async def test_an_application_that_names_a_commit(scene: Scene) -> None:
    made = scene.world
    await made.apply(application("by-commit", scene.url, "app", "team-b", targetRevision=scene.commit))
    seen = await made.until(APPLICATION, "argocd", "by-commit", lambda body: "check the credentials" in told(body))
    assert not synced(seen) and await made.get(MAPS, "team-b", "private") is None
    await made.delete(APPLICATION, "argocd", "by-commit")


async def test_credentials_of_another_project(scene: Scene) -> None:
    """Secrets that name a project, as a repository and as a template, help that one's Applications alone."""
    made = scene.world
    for kind, url in (("repository", scene.url), ("repo-creds", scene.host.url)):
        name = f"scoped-{kind}"
        body = yaml.safe_load(
            secret(name, "argocd", username="alice", password=PASSWORD, url=url, type="git", project="owners")
        )
        body["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": kind}
        await made.apply(yaml.safe_dump(body))
        await made.apply(application(name, scene.url, "app", "team-b"))
        await made.until(APPLICATION, "argocd", name, lambda body: "check the credentials" in told(body))
        project = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "owners", "namespace": "argocd"},
            "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]},
        }
        await made.apply(yaml.safe_dump(project))
        await made.patch(APPLICATION, "argocd", name, {"spec": {"project": "owners"}})
        await made.until(APPLICATION, "argocd", name, synced)
        await made.delete(APPLICATION, "argocd", name)
        await made.delete(("", "Secret"), "argocd", name)
        await made.delete(MAPS, "team-b", "private")


async def test_guessing_the_path_of_a_tarball(scene: Scene) -> None:
    made = scene.world
    seen = await made.until(REPOSITORY, "team-a", "a", is_ready)
    url = str(seen["status"]["artifact"]["url"])
    base = url.rpartition("/")[0]
    async with aiohttp.ClientSession() as session:
        for path in (url, f"{base}/{scene.commit}.tar.gz", f"{base}/", base, f"{base}/../../../.key", f"{base}/.key"):
            async with session.get(path) as answer:
                assert (answer.status == 200) == (path == url), path


async def test_a_restart_beside_a_host_that_is_down(scene: Scene, tmp_path: Path) -> None:
    """Who was let in goes on with what is here; who was not is not let in by the host's absence."""
    made = scene.world
    await made.apply(kustomization("a", "./app", "a", "team-a", targetNamespace="team-a"))
    await made.until(KUSTOMIZATION, "team-a", "a", ready)
    await made.apply(source("down", "team-b", scene.url, commit=scene.commit))
    await made.until(REPOSITORY, "team-b", "down", refused)
    data = made.controller.settings.data
    await made.stop()
    scene.host.faults.down = True
    settings = Settings(kubeconfig=str(made.cluster.kubeconfig), data=data, poll=1.0, jitter=0.0)
    async with working(Controller(settings)) as controller:
        made.controller = controller
        await made.apply(kustomization("down", "./app", "down", "team-b", targetNamespace="team-b"))
        await made.patch(MAPS, "team-a", "private", {"data": {"canary": "by hand"}})
        await made.until(MAPS, "team-a", "private", lambda body: (body or {})["data"]["canary"] == "inside")
        await made.settled()
        assert await made.get(MAPS, "team-b", "private") is None
