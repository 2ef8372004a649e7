"""What people do to live objects by kubectl, under a Kustomization: undone, or heeded where they mark the object."""

from __future__ import annotations

from typing import Any

from support.e2e import KUSTOMIZATION, World, kustomization, ready, repository, says
from trueup.core.model.objects import Body
from trueup.devtools.gitserver import Submodule
from trueup.devtools.localcluster.kubectl import kubectl as run_kubectl

DEPLOYMENT = ("apps", "Deployment")
MAPS = ("", "ConfigMap")
WHERE = "flux-system"

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}{annotations}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: "web:1"}}]}}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\ndata: {{a: '{}'}}\n"


async def kubectl(world: World, *arguments: str, text: str | None = None) -> str:
    return await run_kubectl(world.cluster.kubeconfig, "-n", WHERE, *arguments, input=text)


async def delivered(world: World, name: str, files: dict[str, str], **spec: Any) -> Any:
    git = world.repository(f"team/{name}", {f"x/{path}": text for path, text in files.items()})
    await world.apply(repository(name, f"https://github.com/team/{name}"))
    await world.apply(kustomization(name, "./x", name, **spec))
    await world.until(KUSTOMIZATION, WHERE, name, lambda body: ready(body, git.head("main")))
    return git


async def test_what_kubectl_adds_goes_unless_the_object_says_merge(world: World) -> None:
    merge = ", annotations: {kustomize.toolkit.fluxcd.io/ssa: Merge}"
    files = {
        "web.yaml": WEB.format(name="plain", annotations=""),
        "merged.yaml": WEB.format(name="merged", annotations=merge),
    }
    await delivered(world, "edited", files)
    sidecar = '{"spec":{"template":{"spec":{"hostNetwork":true,"containers":[{"name":"sidecar","image":"evil:1"}]}}}}'
    for name in ("plain", "merged"):
        await kubectl(world, "patch", "deployment", name, "-p", sidecar)
        await kubectl(world, "set", "env", f"deployment/{name}", "--containers=c", "EXTRA=1")
        await kubectl(world, "label", "deployment", name, "extra=yes")

    def plain(body: Body | None) -> bool:
        spec = (body or {})["spec"]["template"]["spec"]
        labels = (body or {})["metadata"]["labels"]
        env = [item for container in spec["containers"] for item in container.get("env", [])]
        names = [container["name"] for container in spec["containers"]]
        return names == ["c"] and not env and "hostNetwork" not in spec and "extra" not in labels

    await world.until(DEPLOYMENT, WHERE, "plain", plain)
    await world.settled()
    body = await world.get(DEPLOYMENT, WHERE, "merged")
    assert body is not None and len(body["spec"]["template"]["spec"]["containers"]) == 2
    await kubectl(world, "rollout", "restart", "deployment/plain")
    await world.settled()
    restarted = await world.get(DEPLOYMENT, WHERE, "plain")
    assert restarted is not None and "restartedAt" in str(restarted["spec"]["template"]["metadata"])
    await world.until(KUSTOMIZATION, WHERE, "edited", ready)


async def test_what_server_side_apply_adds_goes_too(world: World) -> None:
    await delivered(world, "applied", {"map.yaml": MAP.format("by-hand", "1")})
    text = MAP.format("by-hand", "1").replace("data: {a:", "data: {extra: yes-please, a:")
    await kubectl(world, "apply", "--server-side", "--force-conflicts", "-f", "-", text=text)
    await world.until(MAPS, WHERE, "by-hand", lambda body: bool(body) and body["data"] == {"a": "1"})  # type: ignore[index]
    await world.settled()
    await world.until(KUSTOMIZATION, WHERE, "applied", ready)


async def test_an_object_that_is_marked_in_the_cluster_is_left_alone(world: World) -> None:
    files = {"one.yaml": MAP.format("by-annotation", "1"), "two.yaml": MAP.format("by-label", "1")}
    git = await delivered(world, "marked", {**files, "three.yaml": MAP.format("unmarked", "1")})
    await kubectl(world, "annotate", "configmap", "by-annotation", "kustomize.toolkit.fluxcd.io/reconcile=disabled")
    await kubectl(world, "label", "configmap", "by-label", "kustomize.toolkit.fluxcd.io/ssa=Ignore")
    for name in ("by-annotation", "by-label", "unmarked"):
        await kubectl(world, "patch", "configmap", name, "-p", '{"data":{"a":"hotfix"}}')
    await world.until(MAPS, WHERE, "unmarked", lambda body: bool(body) and body["data"]["a"] == "1")  # type: ignore[index]
    head = git.commit(
        {"x/one.yaml": MAP.format("by-annotation", "2"), "x/two.yaml": MAP.format("by-label", "2")}, "Two"
    )
    await world.until(KUSTOMIZATION, WHERE, "marked", lambda body: ready(body, head))
    await world.settled()
    for name in ("by-annotation", "by-label"):
        body = await world.get(MAPS, WHERE, name)
        assert body is not None and body["data"]["a"] == "hotfix"
    await kubectl(world, "annotate", "configmap", "by-annotation", "kustomize.toolkit.fluxcd.io/reconcile-")
    await world.until(MAPS, WHERE, "by-annotation", lambda body: bool(body) and body["data"]["a"] == "2")  # type: ignore[index]


async def test_a_health_check_needs_no_api_version_and_a_wrong_kind_is_named(world: World) -> None:
    checks = [{"kind": "Deployment", "name": "checked", "namespace": WHERE}]
    files = {"web.yaml": WEB.format(name="checked", annotations="")}
    await delivered(world, "checked", files, healthChecks=checks)
    wrong = [{"kind": "Deploymnt", "apiVersion": "apps/v1", "name": "checked", "namespace": WHERE}]
    await world.patch(KUSTOMIZATION, WHERE, "checked", {"spec": {"healthChecks": wrong, "timeout": "2s"}})
    await world.until(KUSTOMIZATION, WHERE, "checked", says("serves no kind Deploymnt"))


async def test_submodules_are_delivered_where_they_are_asked_for(world: World) -> None:
    source = ("source.toolkit.fluxcd.io", "GitRepository")
    inner = world.repository("team/inner", {"map.yaml": MAP.format("inner", "1")})
    told = '[submodule "x"]\n\tpath = x\n\turl = ../inner\n'
    outer = world.repository("team/modules", {".gitmodules": told, "x": Submodule(inner.head()), "f": ""})
    body = repository("modules", "https://github.com/team/modules")
    await world.apply(body.replace("interval: 1s", "interval: 1s\n  recurseSubmodules: true"))
    await world.apply(kustomization("modules", "./x", "modules"))
    await world.until(MAPS, WHERE, "inner", lambda body: body is not None)
    found = await world.get(source, WHERE, "modules")
    assert found is not None and found["status"]["observedRecurseSubmodules"] is True
    outer.commit({".gitmodules": told.replace("../inner", "file:///etc")}, "hostile")
    found = await world.until(source, WHERE, "modules", says("the submodule 'x' is not followed"))
    assert await world.get(MAPS, WHERE, "inner") is not None
