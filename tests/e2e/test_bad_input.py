"""Bad input ends in a clear status on its own unit, and the neighbours go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.e2e import KUSTOMIZATION, World, condition, kustomization, ready, repository, says
from trueup.core.model.objects import ObjectRef
from trueup.devtools.gitserver import Repository

MAPS = ("", "ConfigMap")
URL = "https://github.com/team/bad"


def config(name: str, **data: str) -> str:
    values = "".join(f"  {key}: {value!r}\n" for key, value in (data or {"a": "1"}).items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{values}"


LONG = "kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: long\ndata:\n  a: " + "x" * 50_000_000 + "\n"

CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "yaml": ({"bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [a\n"}, ("yaml/bad.yaml", ":4")),
    "kindless": ({"bad.yaml": "apiVersion: v1\nmetadata: {name: a}\n"}, ("kindless/bad.yaml", "kind")),
    "unknown-kind": (
        {"bad.yaml": "apiVersion: example.com/v1\nkind: Strange\nmetadata: {name: a}\n"},
        ("Strange", "CustomResourceDefinition"),
    ),
    "invalid-field": (
        {"bad.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 99999}]}\n"},
        ("Service/flux-system/a", "spec.ports[0].port", "99999"),
    ),
    "outside": (
        {"kustomization.yaml": "resources: [../../../../../etc]\n"},
        ("the kustomization in outside", "leads out"),
    ),
    "circular": (
        {
            "kustomization.yaml": "resources: [../circular-b]\n",
            "../circular-b/kustomization.yaml": "resources: [../circular]\n",
        },
        ("leads back to itself",),
    ),
    "huge": ({"bad.yaml": LONG}, ("huge/bad.yaml", "MiB")),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bad(world: World) -> AsyncIterator[Repository]:
    files: dict[str, Any] = {"fine/fine.yaml": config("fine")}
    for name, (given, _) in CASES.items():
        for path, text in given.items():
            files[f"{name}/{path}".replace(f"{name}/../", "")] = text
    made = world.repository("team/bad", files)
    await world.apply(repository("bad", URL))
    await world.apply(kustomization("fine", "./fine", "bad"))
    for name in CASES:
        await world.apply(kustomization(name, f"./{name}", "bad"))
    yield made


@pytest.mark.parametrize("name", CASES)
async def test_bad_input_is_told_on_its_unit_alone(world: World, bad: Repository, name: str) -> None:
    words = CASES[name][1]
    body = await world.until(KUSTOMIZATION, "flux-system", name, says(*words))
    assert condition(body, "Ready")["status"] == "False"
    await world.until(KUSTOMIZATION, "flux-system", "fine", ready)


async def test_a_path_that_is_not_there(world: World, bad: Repository) -> None:
    await world.apply(kustomization("nowhere", "./nowhere", "bad"))
    body = await world.until(KUSTOMIZATION, "flux-system", "nowhere", says("nowhere"))
    assert condition(body, "Ready")["reason"] == "ArtifactFailed"


async def test_a_link_that_leads_out(world: World, bad: Repository) -> None:
    blob = bad.git("hash-object", "-w", "--stdin", stdin=b"/etc/passwd")
    folder = bad.git("mktree", stdin=f"120000 blob {blob}\tlink.yaml\n".encode())
    top = bad.git("mktree", stdin=f"040000 tree {folder}\tlinked\n".encode())
    commit = bad.git("-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", top, "-m", "a link")
    bad.branch("linked", commit)
    await world.apply(repository("linked", URL, branch="linked"))
    await world.apply(kustomization("linked", "./linked", "linked"))
    body = await world.until(KUSTOMIZATION, "flux-system", "linked", says("link.yaml"))
    assert "root:" not in str(body)


async def test_what_rbac_forbids(world: World, bad: Repository) -> None:
    await world.apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: nobody, namespace: flux-system}\n")
    await world.apply(kustomization("forbidden", "./forbidden", "bad", serviceAccountName="nobody"))
    bad.commit({"forbidden/map.yaml": config("forbidden")}, "deliver as nobody")
    await world.until(
        KUSTOMIZATION, "flux-system", "forbidden", says("forbidden", "system:serviceaccount:flux-system:nobody")
    )
    assert await world.get(MAPS, "flux-system", "forbidden") is None


async def test_an_immutable_field_is_told_and_with_force_recreated(world: World, bad: Repository) -> None:
    job = (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec:\n  template:\n    spec:\n"
        "      restartPolicy: Never\n      containers: [{{name: a, image: 'x:{tag}'}}]\n"
    )
    bad.commit({"immutable/job.yaml": job.format(tag="1")}, "a job")
    await world.apply(kustomization("immutable", "./immutable", "bad"))
    await world.until(KUSTOMIZATION, "flux-system", "immutable", ready)
    first = await world.get(("batch", "Job"), "flux-system", "once")
    commit = bad.commit({"immutable/job.yaml": job.format(tag="2")}, "another image")
    await world.until(KUSTOMIZATION, "flux-system", "immutable", says("Job/flux-system/once", "immutable"))
    await world.apply(kustomization("immutable", "./immutable", "bad", force=True))
    await world.until(KUSTOMIZATION, "flux-system", "immutable", lambda body: ready(body, commit))
    second = await world.get(("batch", "Job"), "flux-system", "once")
    assert first and second and first["metadata"]["uid"] != second["metadata"]["uid"]


async def test_two_units_that_claim_one_object_are_told(world: World, bad: Repository) -> None:
    bad.commit({"one/map.yaml": config("claimed", by="one")}, "one")
    await world.apply(kustomization("one", "./one", "bad"))
    await world.until(KUSTOMIZATION, "flux-system", "one", ready)
    bad.commit({"two/map.yaml": config("claimed", by="two")}, "two")
    await world.apply(kustomization("two", "./two", "bad"))
    await world.until(
        KUSTOMIZATION, "flux-system", "two", says("ConfigMap/flux-system/claimed", "Kustomization/flux-system/one")
    )
    await world.until(KUSTOMIZATION, "flux-system", "one", lambda body: "two" in str((body or {}).get("status")))
    live = await world.get(MAPS, "flux-system", "claimed")
    assert live is not None and live["data"] == {"by": "one"}


async def test_a_render_of_nothing_prunes_nothing(world: World, bad: Repository) -> None:
    bad.commit({"emptied/map.yaml": config("emptied")}, "something")
    await world.apply(kustomization("emptied", "./emptied", "bad"))
    await world.until(KUSTOMIZATION, "flux-system", "emptied", ready)
    bad.commit({"emptied/map.yaml": "# nothing is left\n"}, "nothing")
    await world.until(KUSTOMIZATION, "flux-system", "emptied", says("nothing was rendered"))
    assert await world.get(MAPS, "flux-system", "emptied") is not None


async def test_a_definition_removed_under_its_objects(world: World, bad: Repository) -> None:
    definition = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  group: example.org
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
    thing = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\nspec: {size: 1}\n"
    bad.commit({"things/crd.yaml": definition, "things/thing.yaml": thing}, "a definition and its object")
    await world.apply(kustomization("things", "./things", "bad"))
    await world.until(KUSTOMIZATION, "flux-system", "things", ready)
    before = await world.until(("example.org", "Thing"), "flux-system", "a", lambda body: body is not None)
    first = await world.get(("apiextensions.k8s.io", "CustomResourceDefinition"), "", "things.example.org")
    await world.delete(("apiextensions.k8s.io", "CustomResourceDefinition"), "", "things.example.org")

    def made_anew(body: Any) -> bool:
        assert first is not None
        established = condition(body, "Established").get("status") == "True"
        return body is not None and body["metadata"]["uid"] != first["metadata"]["uid"] and established

    def anew(body: Any) -> bool:
        return body is not None and body["metadata"]["uid"] != before["metadata"]["uid"]

    await world.until(("apiextensions.k8s.io", "CustomResourceDefinition"), "", "things.example.org", made_anew)
    await world.mapper.refresh()
    await world.until(("example.org", "Thing"), "flux-system", "a", anew)
    await world.until(KUSTOMIZATION, "flux-system", "fine", ready)


async def test_nothing_of_all_this_has_stopped_the_neighbour(world: World, bad: Repository) -> None:
    commit = bad.commit({"fine/fine.yaml": config("fine", a="2")}, "the neighbour goes on")
    await world.until(KUSTOMIZATION, "flux-system", "fine", lambda body: ready(body, commit))
    listed = await world.client.list_all(await world.mapper.of(ObjectRef(*MAPS, "flux-system", "x")), "flux-system")
    assert "fine" in {item["metadata"]["name"] for item in listed.items}
