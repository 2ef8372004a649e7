"""What a unit owns is never forgotten: records deleted, lost or never written, and finalizers that somebody removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    kustomization,
    ready,
    repository,
    synced,
    working,
    world,
)
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.state import STATE_GROUP, STATE_KIND, state_name
from trueup.devtools.gitserver import Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.writes import Write
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

WHERE = "flux-system"
MAPS = ("", "ConfigMap")
STATES = (STATE_GROUP, STATE_KIND)


def config(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: '{value}'}}\n"


def absent(body: Body | None) -> bool:
    return body is None


def state_of(name: str, kind: tuple[str, str] = KUSTOMIZATION, namespace: str = WHERE) -> str:
    return state_name(ObjectRef(*kind, namespace, name))


async def deliver(world: World, name: str, files: dict[str, str], **spec: Any) -> Repository:
    git = world.repository(f"team/{name}", {f"x/{path}.yaml": text for path, text in files.items()})
    await world.apply(repository(name, f"https://github.com/team/{name}"))
    await world.apply(kustomization(name, "./x", name, **spec))
    await world.until(KUSTOMIZATION, WHERE, name, ready)
    return git


async def test_a_record_that_somebody_deletes_is_made_anew(world: World) -> None:
    git = await deliver(world, "deleted", {"one": config("one"), "two": config("two")})
    await world.settled()
    await world.delete(STATES, WHERE, state_of("deleted"))
    going = await world.get(STATES, WHERE, state_of("deleted"))
    assert going is not None and going["metadata"].get("deletionTimestamp"), "it is held until nobody needs it"
    commit = git.commit({"x/two.yaml": None}, "drop two")
    await world.until(KUSTOMIZATION, WHERE, "deleted", lambda body: ready(body, commit))
    await world.until(MAPS, WHERE, "two", absent)
    anew = await world.get(STATES, WHERE, state_of("deleted"))
    assert anew is not None and "deletionTimestamp" not in anew["metadata"]
    assert anew["metadata"]["uid"] != going["metadata"]["uid"]


async def test_a_record_that_is_removed_by_force_is_stored_anew_from_memory(world: World) -> None:
    git = await deliver(world, "forced", {"one": config("f-one"), "two": config("f-two")})
    await world.settled()
    await remove_by_force(world, "forced")
    commit = git.commit({"x/two.yaml": None}, "drop two")
    await world.until(KUSTOMIZATION, WHERE, "forced", lambda body: ready(body, commit))
    await world.until(MAPS, WHERE, "f-two", absent)
    assert await world.get(STATES, WHERE, state_of("forced")) is not None


async def remove_by_force(world: World, name: str) -> None:
    await world.patch(STATES, WHERE, state_of(name), {"metadata": {"finalizers": None}})
    await world.delete(STATES, WHERE, state_of(name))
    assert await world.get(STATES, WHERE, state_of(name)) is None


async def test_a_finalizer_that_somebody_removes_is_set_again(world: World) -> None:
    await deliver(world, "finalized", {"one": config("z-one")})
    await world.patch(KUSTOMIZATION, WHERE, "finalized", {"metadata": {"finalizers": None}})
    held = "finalizers.fluxcd.io"
    await world.until(
        KUSTOMIZATION, WHERE, "finalized", lambda body: held in ((body or {})["metadata"].get("finalizers") or ())
    )
    await world.delete(KUSTOMIZATION, WHERE, "finalized")
    await world.until(MAPS, WHERE, "z-one", absent)
    await world.until(KUSTOMIZATION, WHERE, "finalized", absent)
    await world.until(STATES, WHERE, state_of("finalized"), absent)


async def test_the_record_of_an_application_goes_with_it(world: World) -> None:
    world.repository("team/app", {"x/one.yaml": config("a-one")})
    await world.apply(application("app", "https://github.com/team/app", "x", "apps"))
    await world.until(APPLICATION, "argocd", "app", synced)
    assert await world.get(STATES, "argocd", state_of("app", APPLICATION, "argocd")) is not None
    await world.delete(APPLICATION, "argocd", "app")
    await world.until(STATES, "argocd", state_of("app", APPLICATION, "argocd"), absent)
    assert await world.get(MAPS, "apps", "a-one") is not None, "without a finalizer nothing is removed"


async def test_units_that_want_the_same_object_do_not_fight_over_its_labels(world: World) -> None:
    await deliver(world, "first", {"same": config("same")})
    await deliver(world, "second", {"same": config("same")})
    await world.settled()
    before = await world.get(MAPS, WHERE, "same")
    for _ in range(3):
        await world.settled()
    after = await world.get(MAPS, WHERE, "same")
    assert before is not None and after is not None
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert before["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "first"
    uid = before["metadata"]["uid"]
    await world.delete(KUSTOMIZATION, WHERE, "first")
    await world.until(
        MAPS,
        WHERE,
        "same",
        lambda body: body is not None and body["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "second",
    )
    kept = await world.get(MAPS, WHERE, "same")
    assert kept is not None and kept["metadata"]["uid"] == uid, "it was never removed"


OWNED = {"kustomize.toolkit.fluxcd.io/name": "before", "kustomize.toolkit.fluxcd.io/namespace": WHERE}


async def test_what_was_delivered_before_is_known_without_a_record(tmp_path: Path) -> None:
    """By another controller, or by one whose record was lost while nobody worked."""
    settings = {"poll": 1.0, "jitter": 0.0}
    async with Cluster.start(ephemeral=True, nodes=0) as cluster, world(cluster, tmp_path, **settings) as made:
        lost = await deliver(made, "lost", {"one": config("l-one"), "two": config("l-two")})
        await made.settled()
        await made.stop()
        lost.commit({"x/two.yaml": None}, "drop two")
        await remove_by_force(made, "lost")
        await left_by_another(made)
        controller = Controller(Settings(kubeconfig=str(cluster.kubeconfig), data=tmp_path / "data", **settings))
        async with working(controller):
            await made.until(MAPS, WHERE, "l-two", absent)
            await made.until(KUSTOMIZATION, WHERE, "lost", lambda body: ready(body, lost.head("main")))
            await made.until(MAPS, WHERE, "gone", absent)
            before = await made.until(KUSTOMIZATION, WHERE, "before", ready)
            # A status can be written by whoever may write the object: what bears no mark is not this unit's.
            assert await made.get(MAPS, WHERE, "foreign") is not None and "foreign" not in str(before["status"])
            assert await made.get(MAPS, WHERE, "kept") is not None


async def left_by_another(made: World) -> None:
    """Leave what Flux leaves: objects with its marks, named in a status, of which Git has but one."""
    git = made.repository("team/before", {"x/kept.yaml": config("kept")})
    await made.apply(repository("before", "https://github.com/team/before"))
    await made.apply(kustomization("before", "./x", "before"))
    maps = await made.mapper.of(ObjectRef(*MAPS, WHERE, "kept"))
    names = {"kept": OWNED, "gone": OWNED, "foreign": {}}
    for name, labels in names.items():
        metadata = {"name": name, "namespace": WHERE, "labels": labels}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
        await made.client.server_side_apply(maps, body, Write(manager="kustomize-controller"), namespace=WHERE)
    entries = [{"id": f"{WHERE}_{name}__ConfigMap", "v": "v1"} for name in names]
    status = {"inventory": {"entries": entries}, "lastAppliedRevision": f"main@sha1:{git.head('main')}"}
    resource = await made.mapper.of(ObjectRef(*KUSTOMIZATION, WHERE, "before"))
    await made.client.patch(resource, "before/status", WHERE, {"status": status})
