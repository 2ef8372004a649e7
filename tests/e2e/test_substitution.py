"""Variables of a Kustomization on a real API server: where values come from, and what becomes of them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest_asyncio
import yaml

from support.commands import run_trueup
from support.e2e import (
    KUSTOMIZATION,
    World,
    condition,
    eventually,
    kustomization,
    ready,
    repository,
    says,
    told,
    working,
)
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Repository
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

MAPS, SECRETS = ("", "ConfigMap"), ("", "Secret")
WHERE = "flux-system"
MARK = "kustomize.toolkit.fluxcd.io/substitute"


async def trueup(world: World, *arguments: str) -> str:
    ended = await run_trueup(world.cluster, *arguments)
    return ended.out + ended.err


def config(name: str, annotations: str = "", **data: str) -> str:
    head = (
        f"metadata: {{name: {name}, annotations: {{{annotations}}}}}" if annotations else f"metadata: {{name: {name}}}"
    )
    return f"apiVersion: v1\nkind: ConfigMap\n{head}\ndata: {data!r}\n"


def values(name: str, **data: str) -> str:
    return yaml.safe_dump(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": WHERE}, "data": data}
    )


def secret(name: str, **data: str) -> str:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return yaml.safe_dump(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": WHERE}, "data": encoded}
    )


def of(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, **more}


def holds(**data: str) -> Callable[[Body | None], bool]:
    return lambda body: body is not None and body.get("data") == data


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def git(world: World) -> AsyncIterator[Repository]:
    made = world.repository("team/values", {"README.md": "x"})
    await world.apply(repository("values", "https://github.com/team/values"))
    yield made


async def unit(world: World, name: str, **post_build: Any) -> None:
    await world.apply(kustomization(name, f"./{name}", "values", postBuild=post_build))


async def test_values_are_delivered_by_precedence_and_a_change_by_itself(world: World, git: Repository) -> None:
    await world.apply(values("one", a="map", b="map", c="map", d="map"))
    await world.apply(secret("two", b="secret-b", c="secret-c"))
    git.commit({"order/map.yaml": config("order", x="${a} ${b} ${c} ${d:=none} ${e:=default}")}, "variables")
    sources = [of("ConfigMap", "one"), of("Secret", "two"), of("ConfigMap", "absent", optional=True)]
    await unit(world, "order", substitute={"c": "inline"}, substituteFrom=sources)
    await world.until(KUSTOMIZATION, WHERE, "order", ready)
    await world.until(MAPS, WHERE, "order", holds(x="map secret-b inline map default"))
    await world.apply(secret("two", b="turned", c="secret-c"))
    await world.until(MAPS, WHERE, "order", holds(x="map turned inline map default"))
    await world.apply(values("one", a="moved", b="map", c="map", d=""))
    await world.until(MAPS, WHERE, "order", holds(x="moved turned inline none default"))
    await world.apply(values("absent", e="there now"))
    await world.until(MAPS, WHERE, "order", holds(x="moved turned inline none there now"))


async def test_drift_of_what_was_put_in_is_healed(world: World, git: Repository) -> None:
    git.commit({"drift/map.yaml": config("drift", x="${word}")}, "a variable")
    await unit(world, "drift", substitute={"word": "right"})
    await world.until(MAPS, WHERE, "drift", holds(x="right"))
    await world.until(KUSTOMIZATION, WHERE, "drift", ready)
    await world.patch(MAPS, WHERE, "drift", {"data": {"x": "by hand"}})
    await world.until(MAPS, WHERE, "drift", holds(x="right"))


async def test_a_missing_object_and_a_missing_variable_are_named(world: World, git: Repository) -> None:
    commit = git.commit({"missing/map.yaml": config("missing", x="${host}")}, "a variable")
    await unit(world, "missing", substituteFrom=[of("Secret", "later")])
    body = await world.until(KUSTOMIZATION, WHERE, "missing", says("Secret/flux-system/later", "does not exist"))
    assert condition(body, "Ready")["reason"] == "BuildFailed" and "optional" in told(body)
    await world.apply(secret("later", other="hidden-value"))
    body = await world.until(KUSTOMIZATION, WHERE, "missing", says("the variable host is not set"))
    assert "ConfigMap/missing (missing/map.yaml)" in told(body) and "spec.postBuild.substitute" in told(body)
    await world.apply(secret("later", host="h: {hidden-value"))
    body = await world.until(KUSTOMIZATION, WHERE, "missing", says("is no YAML"))
    assert "hidden-value" not in told(body)
    await world.apply(secret("later", host="a.example"))
    await world.until(KUSTOMIZATION, WHERE, "missing", lambda found: ready(found, commit))
    await world.until(MAPS, WHERE, "missing", holds(x="a.example"))


async def test_marked_objects_and_units_without_variables_are_left(world: World, git: Repository) -> None:
    files = {
        "left/a.yaml": config("left-a", f'"{MARK}": disabled', x="${word}"),
        "left/b.yaml": config("left-b", x="${word} $${word}"),
        "none/map.yaml": config("none", x="${word}"),
        "always/map.yaml": config("always", x="${word:=default}"),
    }
    git.commit(files, "variables")
    await unit(world, "left", substitute={"word": "put"})
    await unit(world, "none", substituteFrom=[of("ConfigMap", "never", optional=True)])
    await unit(world, "always", substituteStrategy="Always")
    await world.until(MAPS, WHERE, "left-a", holds(x="${word}"))
    await world.until(MAPS, WHERE, "left-b", holds(x="put ${word}"))
    await world.until(MAPS, WHERE, "none", holds(x="${word}"))
    await world.until(MAPS, WHERE, "always", holds(x="default"))


async def test_common_metadata_holds_no_variables(world: World, git: Repository) -> None:
    git.commit({"common/map.yaml": config("common", x="${word}")}, "variables")
    await world.apply(
        kustomization(
            "common",
            "./common",
            "values",
            postBuild={"substitute": {"word": "put"}},
            commonMetadata={"annotations": {"note": "${word}"}},
        )
    )
    await world.until(KUSTOMIZATION, WHERE, "common", ready)
    body = await world.until(MAPS, WHERE, "common", holds(x="put"))
    assert body["metadata"]["annotations"]["note"] == "${word}"


async def test_a_secret_value_is_told_neither_by_refusals_nor_by_diffs(world: World, git: Repository) -> None:
    await world.apply(secret("hidden", word="hidden-value", port="not-a-port"))
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: told}\n"
        "spec: {type: '${port:=ClusterIP}', ports: [{port: 80}]}\n"
    )
    git.commit({"told/map.yaml": config("told", x="${word}"), "told/service.yaml": service}, "variables")
    await unit(world, "told", substituteFrom=[of("Secret", "hidden")])
    body = await world.until(KUSTOMIZATION, WHERE, "told", says("Service/flux-system/told"))
    assert "not-a-port" not in told(body) and "spec.type" in told(body)
    diff = await trueup(world, "diff", "ks/told", "-n", WHERE)
    assert "spec.type" in diff and "not-a-port" not in diff
    await world.apply(secret("hidden", word="hidden-value"))
    await world.until(KUSTOMIZATION, WHERE, "told", ready)
    await world.patch(KUSTOMIZATION, WHERE, "told", {"spec": {"suspend": True}})
    await world.seen(KUSTOMIZATION, WHERE, "told")
    await world.apply(secret("hidden", word="hidden-again"))
    diff = await trueup(world, "diff", "ks/told", "-n", WHERE)
    assert "(hidden)" in diff and "hidden-again" not in diff and "hidden-value" not in diff, diff
    await world.patch(KUSTOMIZATION, WHERE, "told", {"spec": {"suspend": False}})
    await world.until(MAPS, WHERE, "told", holds(x="hidden-again"))
    await world.until(KUSTOMIZATION, WHERE, "told", ready)
    await world.settled()
    kept = [path for path in world.controller.settings.data.rglob("*") if path.is_file()]
    assert any(b"told" in path.read_bytes() for path in kept), "the history names the object"
    assert not [path for path in kept if b"hidden-value" in path.read_bytes() or b"hidden-again" in path.read_bytes()]


async def test_an_earlier_deployment_has_the_values_of_today_and_says_so(world: World, git: Repository) -> None:
    await world.apply(values("today", word="before"))
    first = git.commit({"back/map.yaml": config("back", x="${word}", y="1")}, "one")
    await unit(world, "back", substituteFrom=[of("ConfigMap", "today")])
    await world.until(MAPS, WHERE, "back", holds(x="before", y="1"))
    await world.until(KUSTOMIZATION, WHERE, "back", ready)
    commit = git.commit({"back/map.yaml": config("back", x="${word}", y="2")}, "two")
    await world.until(KUSTOMIZATION, WHERE, "back", lambda body: ready(body, commit))
    await world.apply(values("today", word="after"))
    await world.until(MAPS, WHERE, "back", holds(x="after", y="2"))
    await world.until(KUSTOMIZATION, WHERE, "back", ready)
    await trueup(world, "rollback", "ks/back", "-n", WHERE, "--to", first[:12])
    await world.until(MAPS, WHERE, "back", holds(x="after", y="1"))
    await world.until(KUSTOMIZATION, WHERE, "back", says("pinned to", "values it refers to are those of today"))


async def test_a_restart_renders_nothing(world: World, git: Repository) -> None:
    await world.settled()
    engine = world.session().engine
    runtimes = [engine._runtimes.get(one.ref) for one in engine.registry.all()]
    await eventually(lambda: all(one is not None and not one.unstored for one in runtimes))
    settings = world.controller.settings
    await world.stop()
    async with working(
        Controller(Settings(kubeconfig=str(world.cluster.kubeconfig), data=settings.data))
    ) as controller:
        session = controller.session
        assert session is not None
        await session.engine.settle()
        units = {ref.name for ref in (one.ref for one in session.engine.registry.all())}
        assert {"order", "drift", "missing", "common"} <= units
        rendered = session.renderer.renders
        world.controller = controller
        await world.patch(MAPS, WHERE, "drift", {"data": {"x": "by hand"}})
        await world.until(MAPS, WHERE, "drift", holds(x="right"))
    # What was pinned is compared again; nothing else is.
    assert rendered <= 4, rendered
