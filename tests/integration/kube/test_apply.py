"""Applying to a real API server, and the ways around what stands in the way."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trueup.core.fields.ownership import managed_entries, ownership
from trueup.kube.apply import Applier
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import BadRequest, Conflict, Invalid
from trueup.kube.resource import Reply, Resource
from trueup.kube.writes import Apply, PatchType, Write

US = Apply("us")


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


def deployment(name: str, *env: tuple[str, str], label: str = "a") -> dict[str, Any]:
    container = {"name": "c", "image": "i", "env": [{"name": key, "value": value} for key, value in env]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": label}},
            "template": {"metadata": {"labels": {"app": label}}, "spec": {"containers": [container]}},
        },
    }


def managers(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["manager"], each["operation"]) for each in body["metadata"]["managedFields"]]


async def test_an_object_of_client_side_apply_is_taken_over_with_all_that_git_dropped(client, mapper) -> None:
    maps = await mapper.find("", "ConfigMap")
    old = config_map("old", a="1", dropped="2")
    old["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    await client.create(maps, old, write=Write(manager="kubectl-client-side-apply"))
    await client.patch(maps, "old", "default", {"data": {"theirs": "3"}}, write=Write(manager="somebody"))
    reply = await Applier(client, mapper).apply(maps, config_map("old", a="1"), US)
    assert reply.body["data"] == {"a": "1", "theirs": "3"}
    assert "annotations" not in reply.body["metadata"]
    assert managers(reply.body) == [("us", "Apply"), ("somebody", "Update")]


async def test_an_edited_port_is_set_right_and_not_doubled(client, mapper) -> None:
    services = await mapper.find("", "Service")
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 80}]},
    }
    applier = Applier(client, mapper)
    await applier.apply(services, body, US)
    edit = [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]
    await client.patch(services, "web", "default", edit, PatchType.JSON, Write(manager="kubectl-edit"))
    tried = await applier.apply(services, body, Apply("us", dry_run=True))
    assert [port["port"] for port in tried.body["spec"]["ports"]] == [80]
    assert [port["port"] for port in (await client.get(services, "web", "default")).body["spec"]["ports"]] == [81]
    reply = await applier.apply(services, body, US)
    assert [port["port"] for port in reply.body["spec"]["ports"]] == [80]
    assert managers(reply.body) == [("us", "Apply")]


async def test_a_repeated_key_falls_back_and_later_returns_to_server_side_apply(client, mapper) -> None:
    deployments = await mapper.find("apps", "Deployment")
    applier = Applier(client, mapper)
    twice = deployment("dup", ("X", "1"), ("X", "2"))
    for _ in range(2):
        reply = await applier.apply(deployments, twice, US)
        assert len(reply.body["spec"]["template"]["spec"]["containers"][0]["env"]) == 2
        assert managers(reply.body) == [("us", "Apply")]
    reply = await applier.apply(deployments, deployment("dup", ("X", "3")), US)
    assert reply.body["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "X", "value": "3"}]
    assert managers(reply.body) == [("us", "Apply")]


def managed_digest(reply: Reply) -> tuple[str, str]:
    owned = ownership(reply.body, managed_entries(reply.body), "us")
    return owned.entry, owned.values


@pytest.mark.parametrize("made_by_us", [True, False])
async def test_what_was_replaced_is_sealed_as_what_was_applied(client, mapper, made_by_us) -> None:
    deployments = await mapper.find("apps", "Deployment")
    applier = Applier(client, mapper)
    name = f"sealed-{made_by_us}".lower()
    twice = deployment(name, ("X", "1"), ("X", "2"), ("Y", "3"))
    if not made_by_us:
        # Whole or in part as we want it: a replace of it changes little, and so notes little as ours.
        await client.create(deployments, twice, write=Write(manager="somebody"))
    managed_digests = await applier.apply(deployments, twice, US)
    assert ("us", "Apply") in managers(managed_digests.body) and all(managed_digest(managed_digests))
    assert managed_digest(await applier.apply(deployments, twice, US)) == managed_digest(managed_digests), (
        "written again it is the same"
    )

    async def edited(path: str, value: Any) -> Reply:
        patch = [{"op": "add", "path": path, "value": value}]
        return await client.patch(deployments, name, "default", patch, PatchType.JSON, Write(manager="kubectl-edit"))

    container = "/spec/template/spec/containers/0"
    ours = [(f"{container}/env/1/value", "9"), (f"{container}/env/2/value", "9"), (f"{container}/image", "other")]
    for path, value in ours:
        drifted = await edited(path, value)
        assert managed_digest(drifted) != managed_digest(managed_digests), path
        healed = await applier.apply(deployments, twice, US)
        assert managed_digest(healed) == managed_digest(managed_digests), path
    for path, value in ((f"{container}/imagePullPolicy", "Never"), ("/spec/revisionHistoryLimit", 3)):
        assert managed_digest(await edited(path, value)) == managed_digest(managed_digests), f"{path} is none of ours"


class _Edited(Applier):
    """An applier in whose way an edit comes, between its replace and its claim."""

    def __init__(self, client: KubeClient, mapper: Mapper, resource: Resource, edit: dict[str, Any]) -> None:
        super().__init__(client, mapper)
        self._resource, self._edit, self.replaced = resource, edit, 0

    async def _written(self, made: Any, reply: Reply, options: Apply) -> Any:
        self.replaced += 1
        if self.replaced == 1:
            name, namespace = made.ref.name, made.ref.namespace
            await self._client.patch(self._resource, name, namespace, self._edit, write=Write(manager="kubectl-edit"))
        return await super()._written(made, reply, options)


@pytest.mark.parametrize(
    ("edit", "replaces"),
    [
        ({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "theirs"}]}}}}, 2),
        ({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "7"}}}, 1),
    ],
    ids=["what we asked for", "something else"],
)
async def test_an_edit_that_comes_in_between_is_never_noted_as_ours(client, mapper, edit, replaces) -> None:
    deployments = await mapper.find("apps", "Deployment")
    name = f"between-{replaces}"
    twice = deployment(name, ("X", "1"), ("X", "2"))
    applier = _Edited(client, mapper, deployments, edit)
    reply = await applier.apply(deployments, twice, US)
    assert applier.replaced == replaces
    assert reply.body["spec"]["template"]["spec"]["containers"][0]["image"] == "i"
    assert ("us", "Apply") in managers(reply.body)
    theirs = await client.patch(
        deployments, name, "default", {"spec": {"replicas": 3}}, write=Write(manager="kubectl-edit")
    )
    assert managed_digest(theirs) != managed_digest(reply)


async def test_replacing_leaves_nothing_of_others_and_is_sealed(client, mapper) -> None:
    maps = await mapper.find("", "ConfigMap")
    await client.create(maps, config_map("whole", a="1", theirs="2"), write=Write(manager="somebody"))
    reply = await Applier(client, mapper).apply(maps, config_map("whole", a="1"), Apply("us", replace=True))
    assert reply.body["data"] == {"a": "1"} and ("us", "Apply") in managers(reply.body) and all(managed_digest(reply))
    edited = await client.patch(maps, "whole", "default", {"data": {"a": "3"}}, write=Write(manager="kubectl-edit"))
    assert managed_digest(edited) != managed_digest(reply)


async def test_an_immutable_field_is_refused_and_with_leave_recreated(client, mapper) -> None:
    deployments = await mapper.find("apps", "Deployment")
    applier = Applier(client, mapper)
    first = await applier.apply(deployments, deployment("fixed"), US)
    other = deployment("fixed", label="b")
    with pytest.raises(Invalid, match="field is immutable") as refusal:
        await applier.apply(deployments, other, US)
    assert refusal.value.immutable
    assert (await client.get(deployments, "fixed", "default")).meta.uid == first.meta.uid
    made = await applier.apply(deployments, other, Apply("us", recreate_on_immutable=True))
    assert made.meta.uid != first.meta.uid
    assert made.body["spec"]["selector"]["matchLabels"] == {"app": "b"}


async def test_a_field_that_the_schema_does_not_know_is_for_the_user_to_mend(client, mapper) -> None:
    deployments = await mapper.find("apps", "Deployment")
    body = copy.deepcopy(deployment("odd"))
    body["spec"]["nonsense"] = 1
    with pytest.raises(BadRequest, match=r"\.spec\.nonsense: field not declared in schema") as refusal:
        await Applier(client, mapper).apply(deployments, body, US)
    assert not refusal.value.retriable


async def test_only_the_very_object_is_deleted(client, mapper) -> None:
    maps = await mapper.find("", "ConfigMap")
    applier = Applier(client, mapper)
    ref = maps.ref("gone", "default")
    reply = await applier.apply(maps, config_map("gone"), US)
    with pytest.raises(Conflict):
        await applier.delete(maps, ref, "another-uid")
    assert await applier.delete(maps, ref, reply.meta.uid)
    await applier.wait_gone(maps, ref, reply.meta.uid)
    assert not await applier.delete(maps, ref)
