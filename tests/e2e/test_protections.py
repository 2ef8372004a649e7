"""What Argo CD's users rely on: objects that are protected, guards that can be approved, operations that end, and
errors that say what is wrong. On a real API server."""

from __future__ import annotations

import asyncio
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
    told,
)
from trueup.core.model.objects import Body

MAPS = ("", "ConfigMap")
CLAIMS = ("", "PersistentVolumeClaim")
JOBS = ("batch", "Job")
WHERE = "argocd"
CASCADE = "resources-finalizer.argocd.argoproj.io"


def config(name: str, value: str = "1", **annotations: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "annotations": annotations},
            "data": {"value": value},
        }
    )


async def applied(world: World, name: str, files: dict[str, Any], **more: Any) -> tuple[Any, str]:
    """Commit files, and apply an Application that delivers them to a namespace of its name."""
    url = f"https://github.com/team/{name}"
    git = world.repository(f"team/{name}", {f"{name}/{path}": text for path, text in files.items()})
    body = yaml.safe_load(application(name, url, name, name))
    body["metadata"]["finalizers"] = [CASCADE]
    for key, value in more.items():
        body["spec"][key] = value
    await world.apply(yaml.safe_dump(body))
    return git, url


async def test_what_its_annotations_protect_outlives_its_application(world: World) -> None:
    claim = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, annotations: {argocd.argoproj.io/sync-options: Delete=false}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
    files = {
        "claim.yaml": claim,
        "kept.yaml": config("kept", **{"helm.sh/resource-policy": "keep"}),
        "asked.yaml": config("asked", **{"argocd.argoproj.io/sync-options": "Delete=confirm"}),
        "plain.yaml": config("plain"),
    }
    await applied(world, "guarded", files)
    await world.until(APPLICATION, WHERE, "guarded", lambda body: (body or {}).get("status", {}).get("history"))
    await world.delete(APPLICATION, WHERE, "guarded")
    await world.until(APPLICATION, WHERE, "guarded", says("ConfigMap/guarded/asked", "trueup approve"))
    assert await world.get(MAPS, "guarded", "asked") and await world.get(MAPS, "guarded", "plain")
    await asyncio.to_thread(_approve, world, "app/guarded")
    await world.until(APPLICATION, WHERE, "guarded", lambda body: body is None)
    assert await world.get(MAPS, "guarded", "asked") is None and await world.get(MAPS, "guarded", "plain") is None
    for kind, name in ((CLAIMS, "data"), (MAPS, "kept")):
        body = await world.get(kind, "guarded", name)
        assert body is not None and "deletionTimestamp" not in body["metadata"]


def _approve(world: World, unit: str) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "trueup.cli.main", "approve", unit, "--kubeconfig", str(world.cluster.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_an_emptied_kustomization_asks_and_is_emptied_when_that_is_approved(world: World) -> None:
    git = world.repository(
        "team/emptied", {"web/kustomization.yaml": "resources: [a.yaml]\n", "web/a.yaml": config("a")}
    )
    await world.apply(repository("emptied", "https://github.com/team/emptied"))
    await world.apply(kustomization("emptied", "./web", "emptied"))
    await world.until(KUSTOMIZATION, "flux-system", "emptied", ready)
    git.commit({"web/kustomization.yaml": "resources: []\n", "web/a.yaml": None}, "Remove all")
    await world.until(KUSTOMIZATION, "flux-system", "emptied", says("nothing was rendered", "trueup.dev/approved"))
    # An approval of last year's is none of this.
    old = {"metadata": {"annotations": {"trueup.dev/approved": "2025-01-05T00:00:00Z"}}}
    await world.patch(KUSTOMIZATION, "flux-system", "emptied", old)
    await world.seen(KUSTOMIZATION, "flux-system", "emptied")
    assert await world.get(MAPS, "flux-system", "a") is not None
    await asyncio.to_thread(_approve, world, "ks/emptied")
    await world.until(MAPS, "flux-system", "a", lambda body: body is None)
    await world.until(KUSTOMIZATION, "flux-system", "emptied", ready)


async def test_a_dry_run_ends_says_what_it_would_do_and_stops_nothing(world: World) -> None:
    git, _ = await applied(world, "tried", {"x.yaml": config("x")})
    await world.until(APPLICATION, WHERE, "tried", synced)
    asked = {"operation": {"initiatedBy": {"username": "jane"}, "sync": {"dryRun": True, "revision": "HEAD"}}}
    await world.patch(APPLICATION, WHERE, "tried", {"spec": {"syncPolicy": {"automated": None}}})
    git.commit({"tried/x.yaml": config("x", "2"), "tried/z.yaml": config("z")}, "Change and add")
    await world.patch(APPLICATION, WHERE, "tried", asked)

    def ended(body: Body | None) -> bool:
        state = (body or {}).get("status", {}).get("operationState") or {}
        return "operation" not in (body or {}) and state.get("phase") == "Succeeded" and "dryRun" in str(state)

    body = await world.until(APPLICATION, WHERE, "tried", ended)
    results = body["status"]["operationState"]["syncResult"]["resources"]
    assert {item["name"]: item["message"] for item in results} == {
        "x": "configmap/x configured (dry run)",
        "z": "configmap/z created (dry run)",
    }
    assert await world.get(MAPS, "tried", "z") is None
    await world.patch(
        APPLICATION, WHERE, "tried", {"spec": {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}}
    )
    await world.until(MAPS, "tried", "z", lambda body: body is not None)
    await world.patch(MAPS, "tried", "x", {"data": {"value": "by hand"}})
    await world.until(MAPS, "tried", "x", lambda body: bool(body) and body["data"]["value"] == "2")  # type: ignore[index]


BROKEN = {
    "annotations: {a: true}": ("metadata.annotations.a of ConfigMap/c", "must be a text"),
    "annotations: {a: null}": ("metadata.annotations.a of ConfigMap/c", "is null"),
    "labels: {v: 1.0}": ("metadata.labels.v of ConfigMap/c", "must be a text"),
    "finalizers: keep": ("metadata.finalizers of ConfigMap/c", "must be a list"),
}


async def test_metadata_of_the_wrong_kind_is_named_and_healing_goes_on_when_it_is_mended(world: World) -> None:
    git, _ = await applied(world, "mistyped", {"c.yaml": config("c"), "d.yaml": config("d")})
    await world.until(APPLICATION, WHERE, "mistyped", synced)
    for wrong, words in BROKEN.items():
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, {wrong}}}\n"
        git.commit({"mistyped/c.yaml": text}, wrong)
        await world.until(APPLICATION, WHERE, "mistyped", says(*words))
    nameless = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n"
    git.commit({"mistyped/c.yaml": nameless}, "No name")
    body = await world.until(APPLICATION, WHERE, "mistyped", says("Job/j-", "generateName", "hook"))
    assert body["status"]["sync"]["status"] == "Unknown"
    git.commit({"mistyped/c.yaml": config("c", "2")}, "Mend it")
    await world.until(APPLICATION, WHERE, "mistyped", synced)


async def test_an_operation_ends_where_nothing_can_be_rendered(world: World) -> None:
    git, _ = await applied(world, "unrendered", {"c.yaml": config("c")})
    await world.until(APPLICATION, WHERE, "unrendered", synced)
    git.commit({"unrendered/c.yaml": "kind: [\n"}, "No YAML")
    await world.until(APPLICATION, WHERE, "unrendered", says("does not parse"))
    await world.patch(APPLICATION, WHERE, "unrendered", {"operation": {"sync": {}}})

    def ended(body: Body | None) -> bool:
        state = (body or {}).get("status", {}).get("operationState") or {}
        return "operation" not in (body or {}) and state.get("phase") == "Error" and "does not parse" in str(state)

    await world.until(APPLICATION, WHERE, "unrendered", ended)
    git.commit({"unrendered/c.yaml": config("c", "2")}, "Mend it")
    await world.until(APPLICATION, WHERE, "unrendered", synced)


async def test_nothing_is_applied_where_no_object_may_be_shared(world: World) -> None:
    await applied(world, "first", {"x.yaml": config("shared")})
    await world.until(APPLICATION, WHERE, "first", synced)
    second = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["FailOnSharedResource=true"]}
    files = {"x.yaml": config("shared"), "only.yaml": config("only")}
    await applied(
        world,
        "second",
        files,
        syncPolicy=second,
        destination={"server": "https://kubernetes.default.svc", "namespace": "first"},
    )
    await world.until(APPLICATION, WHERE, "second", says("ConfigMap/first/shared", "already delivered by"))
    assert await world.get(MAPS, "first", "only") is None
    await world.delete(APPLICATION, WHERE, "first")
    await world.until(MAPS, "first", "only", lambda body: body is not None)


async def test_a_job_that_has_ended_and_gone_is_done(world: World) -> None:
    job = """
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  ttlSecondsAfterFinished: 1
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "job:1"}]}}
"""
    git, _ = await applied(world, "jobs", {"job.yaml": job, "x.yaml": config("x")})
    made = await world.until(JOBS, "jobs", "once", lambda body: body is not None)
    await world.until(JOBS, "jobs", "once", lambda body: body is None)
    await world.until(APPLICATION, WHERE, "jobs", synced)
    head = git.commit({"jobs/x.yaml": config("x", "2")}, "Something else")
    await world.until(APPLICATION, WHERE, "jobs", lambda body: synced(body, head))
    await world.settled()
    assert await world.get(JOBS, "jobs", "once") is None, made["metadata"]["uid"]
    assert "Contested" not in told(await world.get(APPLICATION, WHERE, "jobs"))
    git.commit({"jobs/job.yaml": job.replace("job:1", "job:2")}, "Run another one")
    again = await world.until(JOBS, "jobs", "once", lambda body: body is not None)
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


CHART = "apiVersion: v2\nname: c\nversion: 1.0.0\n"


async def test_a_chart_renders_as_helm_renders_it(world: World) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n"
        "  last.cfg: |\n    frontend x\n{{- range .Values.more }}\n    {{ . }}\n{{- end }}"
    )
    files = {
        "Chart.yaml": CHART,
        ".helmignore": "notes.md\n*.bak\nsecret/\n",
        "notes.md": "x",
        "templates/c.yaml": template,
        "templates/old.bak": "no: {{ yaml",
        "templates/.gitkeep": "",
        "secret/templates.yaml": "{{ fail }}",
    }
    await applied(world, "chart", files)
    await world.until(APPLICATION, WHERE, "chart", synced)
    body = await world.get(MAPS, "chart", "c")
    assert body is not None and body["data"] == {"last.cfg": "frontend x\n"}
