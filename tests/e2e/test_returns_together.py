"""On a real cluster: units go back together, what cannot go back is named, and a lost node takes nothing back."""

from __future__ import annotations

import yaml

from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository, says, told
from trueup.core.model.objects import Body

CONFIG = ("", "ConfigMap")
DEPLOYMENT = ("apps", "Deployment")
STATE = ("trueup.dev", "UnitState")
JOB = ("batch", "Job")
CLAIM = ("", "PersistentVolumeClaim")


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: '{value}'}}\n"


def deployment(name: str, tag: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: web, image: 'web:{tag}'}}]}}
"""


def job(name: str) -> str:
    return f"""apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: migrate, image: 'migrate:1'}}]}}}}}}
"""


CLAIMED = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
  storageClassName: ''
  volumeName: disk
"""
VOLUME = """apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 1Gi}
  hostPath: {path: /nowhere}
  storageClassName: ''
"""


def holds(value: str) -> object:
    return lambda body: body is not None and body["data"] == {"key": value}


def image(body: Body | None) -> str:
    return str((body or {})["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_a_group_goes_back_together_and_forward_again(world: World) -> None:
    repo = world.repository(
        "team/group", {"db/db.yaml": config("group-db", "1"), "web/web.yaml": deployment("group-web", "1")}
    )
    await world.apply(repository("group", "https://github.com/team/group"))
    await world.apply(kustomization("group-db", "./db", "group"))
    await world.apply(kustomization("group-web", "./web", "group", wait=True, dependsOn=[{"name": "group-db"}]))
    await world.until(KUSTOMIZATION, "flux-system", "group-web", ready)
    bad = repo.commit(
        {"db/db.yaml": config("group-db", "2"), "web/web.yaml": deployment("group-web", "broken")}, "both, and badly"
    )
    await world.until(KUSTOMIZATION, "flux-system", "group-web", says("is held back", "crash-loops"))
    body = await world.until(
        KUSTOMIZATION,
        "flux-system",
        "group-db",
        says("is held back", "it came with the change that made Kustomization/flux-system/group-web unhealthy"),
    )
    assert bad in body["status"]["lastAttemptedRevision"] and bad not in body["status"]["lastAppliedRevision"]
    await world.until(CONFIG, "flux-system", "group-db", holds("1"))  # type: ignore[arg-type]
    await world.until(DEPLOYMENT, "flux-system", "group-web", lambda found: image(found) == "web:1")
    fixed = repo.commit({"web/web.yaml": deployment("group-web", "3")}, "a good one")
    for name in ("group-db", "group-web"):
        await world.until(KUSTOMIZATION, "flux-system", name, lambda found: ready(found, fixed))
    await world.until(CONFIG, "flux-system", "group-db", holds("2"))  # type: ignore[arg-type]


async def test_a_job_that_ran_stops_the_return_and_an_annotation_lets_it_go(world: World) -> None:
    repo = world.repository("team/jobs", {"web.yaml": deployment("jobs-web", "1"), "job.yaml": job("migrate-1")})
    await world.apply(repository("jobs", "https://github.com/team/jobs"))
    await world.apply(kustomization("jobs", "./", "jobs", wait=True))
    await world.until(KUSTOMIZATION, "flux-system", "jobs", ready)
    repo.commit({"web.yaml": deployment("jobs-web", "broken"), "job.yaml": job("migrate-2")}, "migrates, and crashes")
    await world.until(
        KUSTOMIZATION,
        "flux-system",
        "jobs",
        says("not taken back", "Job/flux-system/migrate-2 has run to its end", "rollback-past-jobs"),
    )
    assert image(await world.get(DEPLOYMENT, "flux-system", "jobs-web")) == "web:broken"
    annotation = {"metadata": {"annotations": {"trueup.dev/rollback-past-jobs": "true"}}}
    await world.patch(KUSTOMIZATION, "flux-system", "jobs", annotation)
    repo.commit({"web.yaml": deployment("jobs-web", "missing")}, "cannot be pulled")
    await world.until(KUSTOMIZATION, "flux-system", "jobs", says("is held back"))
    await world.until(DEPLOYMENT, "flux-system", "jobs-web", lambda found: image(found) == "web:1")
    assert await world.get(JOB, "flux-system", "migrate-1") is None, "it is not run again"


async def test_a_removed_volume_stops_the_return(world: World) -> None:
    await world.apply(VOLUME)
    repo = world.repository("team/kept", {"web.yaml": deployment("kept-web", "1"), "claim.yaml": CLAIMED})
    await world.apply(repository("kept", "https://github.com/team/kept"))
    await world.apply(kustomization("kept", "./", "kept", wait=True))
    await world.until(KUSTOMIZATION, "flux-system", "kept", ready)
    repo.commit({"web.yaml": deployment("kept-web", "broken"), "claim.yaml": None}, "without its volume")
    words = ("not taken back", "PersistentVolumeClaim/flux-system/data was removed")
    await world.until(KUSTOMIZATION, "flux-system", "kept", says(*words))
    assert image(await world.get(DEPLOYMENT, "flux-system", "kept-web")) == "web:broken"
    assert await world.get(CLAIM, "flux-system", "data") is None


async def test_a_field_that_cannot_be_changed_back_stops_the_return(world: World) -> None:
    files = {"web.yaml": deployment("fixed-web", "1"), "map.yaml": config("fixed", "1")}
    repo = world.repository("team/fixed", files)
    await world.apply(repository("fixed", "https://github.com/team/fixed"))
    await world.apply(kustomization("fixed", "./", "fixed", wait=True))
    await world.until(KUSTOMIZATION, "flux-system", "fixed", ready)
    immutable = yaml.safe_load(config("fixed", "2")) | {"immutable": True}
    repo.commit({"web.yaml": deployment("fixed-web", "broken"), "map.yaml": yaml.safe_dump(immutable)}, "for good")
    words = ("not taken back", "ConfigMap/flux-system/fixed cannot be brought back", "immutable")
    await world.until(KUSTOMIZATION, "flux-system", "fixed", says(*words))
    assert image(await world.get(DEPLOYMENT, "flux-system", "fixed-web")) == "web:broken"


def available(body: Body | None) -> bool:
    return bool(body and body["status"].get("readyReplicas"))


async def test_a_node_lost_under_fifty_units_takes_nothing_back(world: World) -> None:
    names = [f"unit-{number}" for number in range(50)]
    repo = world.repository("team/many", {f"{name}/web.yaml": deployment(name, "1") for name in names})
    await world.apply(repository("many", "https://github.com/team/many"))
    for name in names:
        await world.apply(kustomization(name, f"./{name}", "many", wait=True, timeout="5s"))
    for name in names:
        await world.until(
            DEPLOYMENT, "flux-system", name, lambda body: bool(body and body["status"].get("readyReplicas"))
        )
        await world.until(KUSTOMIZATION, "flux-system", name, ready)
    for node in (await world.client.list_all(await world.mapper.find("", "Node"), "")).items:  # type: ignore[arg-type]
        await world.patch(("", "Node"), "", node["metadata"]["name"], {"spec": {"unschedulable": True}})
    touched = names[:10]
    for pod in (await world.client.list_all(await world.mapper.find("", "Pod"), "flux-system")).items:  # type: ignore[arg-type]
        await world.delete(("", "Pod"), "flux-system", pod["metadata"]["name"])
    repo.commit({f"{name}/web.yaml": deployment(name, "2") for name in touched}, "a good change at a bad moment")
    for name in touched:
        await world.until(KUSTOMIZATION, "flux-system", name, says("not taken back yet", "units sickened together"))
    for name in names:
        state = await world.get(STATE, "flux-system", f"kustomization.{name}")
        assert state is not None and "held" not in state["state"], name
        body = await world.get(DEPLOYMENT, "flux-system", name)
        assert image(body) == ("web:2" if name in touched else "web:1")
    for node in (await world.client.list_all(await world.mapper.find("", "Node"), "")).items:  # type: ignore[arg-type]
        await world.patch(("", "Node"), "", node["metadata"]["name"], {"spec": {"unschedulable": False}})
    for name in touched:
        await world.until(KUSTOMIZATION, "flux-system", name, lambda body: "not taken back" not in told(body))
