"""The wall of a project: what an Application renders, makes, prunes and is asked for stays within it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.e2e import APPLICATION, World, application, says, synced
from trueup.core.model.objects import Body

MAPS = ("", "ConfigMap")
PROJECT = ("argoproj.io", "AppProject")


def project(name: str, namespace: str, **spec: Any) -> str:
    """Write a project that may deliver to one namespace."""
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": namespace}],
            "clusterResourceWhitelist": [],
            **spec,
        },
    }
    return yaml.safe_dump(body)


def of_project(name: str, repository: str, namespace: str, **spec: Any) -> str:
    """Write an Application of a project, with its repository's folder `app`."""
    body = yaml.safe_load(application(name, f"https://github.com/{repository}", "app", namespace))
    body["spec"] |= {"project": name, **spec}
    return yaml.safe_dump(body)


def config(name: str, namespace: str = "", value: str = "1") -> str:
    """Write a ConfigMap."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": value}})


def namespace_of(name: str) -> str:
    """Write a Namespace."""
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def foreign(kind: str) -> str:
    """Write what a team should not be able to make."""
    return {
        "a ConfigMap of another namespace": config("taken", "victim"),
        "an Application of the project default": application("escape", "https://github.com/team/x", "x", "victim"),
        "a project with every right": project("everything", "*"),
        "a Namespace": namespace_of("mine-now"),
        "a ClusterRoleBinding": yaml.safe_dump(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "mine-now"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "fenced"}],
            }
        ),
        "a kind that nothing serves yet in another namespace": yaml.safe_dump(
            {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "thing", "namespace": "victim"}}
        ),
    }[kind]


ATTACKS = {
    "a ConfigMap of another namespace": "namespace victim is not permitted in project",
    "an Application of the project default": "namespace argocd is not permitted in project",
    "a project with every right": "namespace argocd is not permitted in project",
    "a Namespace": "resource :Namespace is not permitted in project",
    "a ClusterRoleBinding": "resource rbac.authorization.k8s.io:ClusterRoleBinding is not permitted in project",
    "a kind that nothing serves yet in another namespace": "namespace victim is not permitted in project",
}


@pytest.mark.parametrize("kind", ATTACKS)
async def test_renders(world: World, kind: str) -> None:
    name = f"render-{list(ATTACKS).index(kind)}"
    await world.apply(namespace_of("victim"))
    await world.apply(namespace_of(name))
    world.repository(f"team/{name}", {"app/own.yaml": config("own"), "app/foreign.yaml": foreign(kind)})
    await world.apply(project(name, name))
    await world.apply(of_project(name, f"team/{name}", name))
    await world.until(APPLICATION, "argocd", name, says(ATTACKS[kind], name))
    await world.settled()
    assert await world.get(MAPS, name, "own") is None, "nothing of the sync is applied"
    for kind_, namespace, each in (
        (MAPS, "victim", "taken"),
        (APPLICATION, "argocd", "escape"),
        (PROJECT, "argocd", "everything"),
        (("", "Namespace"), "", "mine-now"),
        (("rbac.authorization.k8s.io", "ClusterRoleBinding"), "", "mine-now"),
    ):
        assert await world.get(kind_, namespace, each) is None


OVERRIDES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "by the namespace of its kustomize options": (
        {"app/kustomization.yaml": "resources: [own.yaml]\n", "app/own.yaml": config("own")},
        {"kustomize": {"namespace": "victim"}},
    ),
    "by the namespace of its kustomization": (
        {"app/kustomization.yaml": "namespace: victim\nresources: [own.yaml]\n", "app/own.yaml": config("own")},
        {},
    ),
    "by a patch of its kustomize options": (
        {"app/kustomization.yaml": "resources: [own.yaml]\n", "app/own.yaml": config("own", "overrides-2")},
        {
            "kustomize": {
                "patches": [
                    {
                        "target": {"kind": "ConfigMap"},
                        "patch": '[{"op": "replace", "path": "/metadata/namespace", "value": "victim"}]',
                    }
                ]
            }
        },
    ),
    "by the namespace of its chart": (
        {
            "app/Chart.yaml": "apiVersion: v2\nname: own\nversion: 1.0.0\n",
            "app/templates/own.yaml": config("own", "{{ .Release.Namespace }}"),
        },
        {"helm": {"namespace": "victim"}},
    ),
    "by a template of its chart": (
        {
            "app/Chart.yaml": "apiVersion: v2\nname: own\nversion: 1.0.0\n",
            "app/templates/own.yaml": config("own", "{{ .Values.where }}"),
        },
        {"helm": {"parameters": [{"name": "where", "value": "victim"}]}},
    ),
}


@pytest.mark.parametrize("how", OVERRIDES)
async def test_reaches_another_namespace(world: World, how: str) -> None:
    number = list(OVERRIDES).index(how)
    name, (files, source) = f"overrides-{number}", OVERRIDES[how]
    await world.apply(namespace_of("victim"))
    await world.apply(namespace_of(name))
    world.repository(f"team/{name}", files)
    await world.apply(project(name, name))
    body = yaml.safe_load(of_project(name, f"team/{name}", name))
    body["spec"]["source"] |= source
    await world.apply(yaml.safe_dump(body))
    await world.until(APPLICATION, "argocd", name, says("namespace victim is not permitted in project"))
    assert await world.get(MAPS, "victim", "own") is None


async def test_makes_a_namespace_that_its_project_does_not_permit(world: World) -> None:
    world.repository("team/maker", {"app/own.yaml": config("own")})
    await world.apply(project("maker", "maker-*"))
    await world.apply(of_project("maker", "team/maker", "maker-new"))
    await world.until(APPLICATION, "argocd", "maker", says("resource :Namespace is not permitted in project maker"))
    assert await world.get(("", "Namespace"), "", "maker-new") is None
    await world.apply(namespace_of("maker-new"))
    await world.patch(
        APPLICATION, "argocd", "maker", {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}
    )
    await world.until(APPLICATION, "argocd", "maker", synced)
    # To relabel one that is there is to change it.
    extra = {"managedNamespaceMetadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    await world.patch(APPLICATION, "argocd", "maker", {"spec": {"syncPolicy": extra}})
    await world.seen(APPLICATION, "argocd", "maker")
    live = await world.get(("", "Namespace"), "", "maker-new")
    assert live is not None and "pod-security.kubernetes.io/enforce" not in live["metadata"]["labels"]


async def test_asks_for_it_by_an_operation(world: World) -> None:
    await world.apply(namespace_of("asked"))
    repository = world.repository("team/asked", {"app/own.yaml": config("own")})
    await world.apply(project("asked", "asked"))
    await world.apply(of_project("asked", "team/asked", "asked"))
    await world.until(APPLICATION, "argocd", "asked", synced)
    await world.patch(APPLICATION, "argocd", "asked", {"spec": {"syncPolicy": {"automated": None}}})
    bad = repository.commit(
        {"app/own.yaml": config("own", value="2"), "app/more.yaml": config("more", "victim")}, "more"
    )
    operation = {
        "initiatedBy": {"username": "admin"},
        "sync": {
            "revision": bad,
            "resources": [{"kind": "ConfigMap", "name": "more", "namespace": "victim"}],
            "syncOptions": ["Force=true", "Replace=true"],
        },
    }
    await world.patch(APPLICATION, "argocd", "asked", {"operation": operation})
    seen = await world.until(
        APPLICATION,
        "argocd",
        "asked",
        lambda body: ((body or {}).get("status", {}).get("operationState") or {}).get("phase") in ("Failed", "Error"),
    )
    assert "namespace victim is not permitted" in seen["status"]["operationState"]["message"]
    assert await world.get(MAPS, "victim", "more") is None


async def test_removes_what_it_may_not_touch_any_more(world: World) -> None:
    for name in ("lost", "lost-2"):
        await world.apply(namespace_of(name))
    repository = world.repository("team/lost", {"app/a.yaml": config("a"), "app/b.yaml": config("b", "lost-2")})
    await world.apply(project("lost", "lost*"))
    body = yaml.safe_load(of_project("lost", "team/lost", "lost"))
    body["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io"]
    await world.apply(yaml.safe_dump(body))
    await world.until(APPLICATION, "argocd", "lost", synced)
    await world.apply(project("lost", "lost"))
    await world.until(APPLICATION, "argocd", "lost", says("namespace lost-2 is not permitted"))
    await world.patch(MAPS, "lost-2", "b", {"data": {"v": "by its owner"}})
    await world.settled()
    kept = await world.get(MAPS, "lost-2", "b")
    assert kept is not None and kept["data"]["v"] == "by its owner", "it is not healed"
    second = repository.commit({"app/b.yaml": None}, "without b")
    await world.until(APPLICATION, "argocd", "lost", lambda seen: synced(seen, second))
    assert await world.get(MAPS, "lost-2", "b") is not None, "it is not pruned"
    await world.delete(APPLICATION, "argocd", "lost")
    await world.until(APPLICATION, "argocd", "lost", lambda seen: seen is None)
    assert await world.get(MAPS, "lost", "a") is None
    assert await world.get(MAPS, "lost-2", "b") is not None, "it does not go with the Application"


async def test_takes_back_what_was_permitted_once(world: World) -> None:
    """A rollback by hand to a revision with an object that the project does not permit any more changes nothing."""
    for name in ("back", "back-2"):
        await world.apply(namespace_of(name))
    repository = world.repository("team/back", {"app/a.yaml": config("a"), "app/b.yaml": config("b", "back-2")})
    first = repository.git("rev-parse", "HEAD").strip()
    await world.apply(project("back", "back*"))
    await world.apply(of_project("back", "team/back", "back"))
    await world.until(APPLICATION, "argocd", "back", synced)
    second = repository.commit({"app/b.yaml": None}, "without b")
    await world.until(APPLICATION, "argocd", "back", lambda seen: synced(seen, second))
    await world.apply(project("back", "back"))
    operation: Body = {"initiatedBy": {"username": "tenant"}, "sync": {"revision": first}}
    await world.patch(APPLICATION, "argocd", "back", {"operation": operation})
    await world.until(APPLICATION, "argocd", "back", says("namespace back-2 is not permitted"))
    assert await world.get(MAPS, "back-2", "b") is None
