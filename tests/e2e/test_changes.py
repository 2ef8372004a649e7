"""Changes that server-side apply alone cannot make, values that are stored otherwise, and objects that move."""

from __future__ import annotations

import base64
from typing import Any

import yaml

from support.e2e import (
    APPLICATION,
    KUSTOMIZATION,
    World,
    application,
    kustomization,
    ready,
    repository,
    says,
    synced,
)
from trueup.core.model.objects import Body, ObjectRef
from trueup.kube.writes import Write

DEPLOYMENT = ("apps", "Deployment")
SECRET = ("", "Secret")
JOB = ("batch", "Job")
CLAIM = ("", "PersistentVolumeClaim")
WHERE = "argocd"


def deployment(strategy: dict[str, Any] | None, env: dict[str, Any], tag: str = "1") -> str:
    container = {"name": "c", "image": f"web:{tag}", "env": [{"name": "A", "value": "a"}, {"name": "E", **env}]}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": "d"}},
        "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container]}},
    }
    if strategy is not None:
        spec["strategy"] = strategy
    return yaml.safe_dump(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}, sort_keys=False
    )


async def delivered(world: World, name: str, files: dict[str, str]) -> Any:
    url = f"https://github.com/team/{name}"
    git = world.repository(f"team/{name}", {f"{name}/{path}": text for path, text in files.items()})
    await world.apply(application(name, url, name, name))
    await world.until(APPLICATION, WHERE, name, lambda body: synced(body, git.head("main")))
    return git


async def test_what_was_defaulted_or_is_anothers_goes_where_it_does_not_fit(world: World) -> None:
    git = await delivered(world, "strategies", {"d.yaml": deployment(None, {"value": "1"})})
    # Somebody has applied the same object by hand: both own the fields.
    body = yaml.safe_load(deployment(None, {"value": "1"}))
    body["metadata"]["namespace"] = "strategies"
    resource = await world.mapper.of(ObjectRef(*DEPLOYMENT, "strategies", "d"))
    await world.client.server_side_apply(resource, body, Write(manager="kubectl"), namespace="strategies")
    source = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    head = git.commit({"strategies/d.yaml": deployment({"type": "Recreate"}, source)}, "Recreate it")

    def changed(body: Body | None) -> bool:
        spec = (body or {}).get("spec") or {}
        [container] = spec["template"]["spec"]["containers"]
        env = {item["name"]: item for item in container["env"]}
        return spec["strategy"] == {"type": "Recreate"} and "valueFrom" in env["E"] and "value" not in env["E"]

    await world.until(DEPLOYMENT, "strategies", "d", changed)
    await world.until(APPLICATION, WHERE, "strategies", lambda body: synced(body, head))
    back = git.commit({"strategies/d.yaml": deployment(None, {"value": "2"})}, "And back")
    await world.until(APPLICATION, WHERE, "strategies", lambda body: synced(body, back))


async def test_what_cannot_be_is_still_refused_in_the_api_servers_words(world: World) -> None:
    git = await delivered(world, "refused", {"d.yaml": deployment(None, {"value": "1"})})
    wrong = {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
    git.commit({"refused/d.yaml": deployment(wrong, {"value": "1"})}, "Both at once")
    await world.until(APPLICATION, WHERE, "refused", says("rollingUpdate", "Forbidden"))


async def test_a_job_is_made_anew_where_its_options_say_so(world: World) -> None:
    text = """
apiVersion: batch/v1
kind: Job
metadata: {name: j, annotations: {argocd.argoproj.io/sync-options: 'Force=true,Replace=true'}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'job:1'}]}}}
"""
    git = await delivered(world, "forced", {"j.yaml": text})
    before = await world.get(JOB, "forced", "j")
    head = git.commit({"forced/j.yaml": text.replace("job:1", "job:2")}, "Another image")
    await world.until(APPLICATION, WHERE, "forced", lambda body: synced(body, head))
    after = await world.get(JOB, "forced", "j")
    assert before and after and before["metadata"]["uid"] != after["metadata"]["uid"]


def secret(**texts: str) -> str:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": texts}
    return yaml.safe_dump({**body, "data": {"d": base64.b64encode(b"data").decode(), "p": "eA=="}})


async def test_a_secret_written_as_texts_is_kept_as_git_has_it(world: World) -> None:
    git = await delivered(world, "texts", {"s.yaml": secret(p="one", q="two")})

    def holds(**wanted: str) -> Any:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in wanted.items()}
        return lambda body: body is not None and body["data"] == encoded

    await world.until(SECRET, "texts", "s", holds(d="data", p="one", q="two"))
    await world.patch(SECRET, "texts", "s", {"data": {"p": "Ynk="}})
    await world.until(SECRET, "texts", "s", holds(d="data", p="one", q="two"))
    await world.patch(SECRET, "texts", "s", {"data": {"q": None}})
    await world.until(SECRET, "texts", "s", holds(d="data", p="one", q="two"))
    head = git.commit({"texts/s.yaml": secret(p="three")}, "Drop q")
    await world.until(SECRET, "texts", "s", holds(d="data", p="three"))
    await world.until(APPLICATION, WHERE, "texts", lambda body: synced(body, head))


CLAIMED = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: moved-data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n"


async def test_a_volume_claim_survives_its_move_to_a_unit_that_depends_on_its_owner(world: World) -> None:
    git = world.repository(
        "team/moving", {"base/x.yaml": MAP.format("base"), "base/data.yaml": CLAIMED, "apps/y.yaml": MAP.format("apps")}
    )
    await world.apply(repository("moving", "https://github.com/team/moving"))
    await world.apply(kustomization("moving-base", "./base", "moving"))
    await world.apply(kustomization("moving-apps", "./apps", "moving", dependsOn=[{"name": "moving-base"}]))
    await world.until(KUSTOMIZATION, "flux-system", "moving-apps", ready)
    before = await world.get(CLAIM, "flux-system", "moved-data")
    head = git.commit({"base/data.yaml": None, "apps/data.yaml": CLAIMED}, "Move the data")
    for name in ("moving-base", "moving-apps"):
        await world.until(KUSTOMIZATION, "flux-system", name, lambda body: ready(body, head))
    await world.settled()
    after = await world.get(CLAIM, "flux-system", "moved-data")
    assert before and after and before["metadata"]["uid"] == after["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert after["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "moving-apps"
