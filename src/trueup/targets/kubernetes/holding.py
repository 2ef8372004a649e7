"""What of others would go with a namespace, a definition or a volume claim."""

from __future__ import annotations

import asyncio

from trueup.core.model.objects import ObjectRef
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import Forbidden, KubeError, NotFound
from trueup.kube.resource import Resource, read_partial

LOOKED_AT = 200
"""Objects of one kind that are looked at: one of others is enough to ask for a confirmation."""

_MADE_BY_THE_CLUSTER = frozenset(
    {
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("coordination.k8s.io", "Lease"),
        ("trueup.dev", "UnitState"),
    }
)
_MADE_IN_EACH_NAMESPACE = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})


async def holding(client: KubeClient, mapper: Mapper, ref: ObjectRef, own: frozenset[ObjectRef]) -> str:
    """Say in words what of others an object holds; empty for nothing. Raises `KubeError`."""
    if ref.kind == "Namespace":
        return await _in_namespace(client, mapper, ref.name, own)
    if ref.kind == "CustomResourceDefinition":
        plural, _, group = ref.name.partition(".")
        found = [item for item in mapper.preferred() if (item.plural, item.group) == (plural, group)]
        held = await _others(client, found[0], "", own) if found and found[0].watchable else []
        return _words(held)
    return await _mounted(client, mapper, ref, own)


async def _in_namespace(client: KubeClient, mapper: Mapper, namespace: str, own: frozenset[ObjectRef]) -> str:
    kinds = [
        item
        for item in mapper.preferred()
        if item.namespaced and "list" in item.verbs and (item.group, item.kind) not in _MADE_BY_THE_CLUSTER
    ]
    lists = await asyncio.gather(*(_others(client, item, namespace, own) for item in kinds))
    return _words([ref for found in lists for ref in found])


async def _others(client: KubeClient, resource: Resource, namespace: str, own: frozenset[ObjectRef]) -> list[ObjectRef]:
    """List objects that are not ours and that no controller made of another object."""
    try:
        page = await client.page(resource, namespace, limit=LOOKED_AT, metadata_only=True)
    except (NotFound, Forbidden):
        return []
    found = []
    for raw in page.items:
        meta = read_partial(raw).metadata
        ref = resource.ref(meta.name, meta.namespace)
        made = any(owner.controller for owner in meta.owner_references or ())
        if not made and ref not in own and (ref.kind, ref.name) not in _MADE_IN_EACH_NAMESPACE:
            found.append(ref)
    return found


async def _mounted(client: KubeClient, mapper: Mapper, claim: ObjectRef, own: frozenset[ObjectRef]) -> str:
    """Name pods of others that use a volume claim."""
    pods = await mapper.find("", "Pod")
    if pods is None:
        raise KubeError("pods are not served", what=f"look who uses {claim}")
    listing = await client.list_all(pods, claim.namespace)
    users = []
    for body in listing.items:
        volumes = (body.get("spec") or {}).get("volumes") or []
        uses = any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim.name for volume in volumes)
        if uses and not _is_ours(ObjectRef.of(body), body["metadata"].get("ownerReferences") or [], own):
            users.append(ObjectRef.of(body))
    return _words(users)


def _is_ours(ref: ObjectRef, owners: list[dict[str, str]], own: frozenset[ObjectRef]) -> bool:
    if ref in own:
        return True
    names = {(owned.kind, owned.name) for owned in own}
    # A replica set is called after its deployment: `web-5d9c7b` belongs to `web`.
    return any(
        (owner.get("kind"), owner.get("name")) in names
        or ("Deployment", str(owner.get("name")).rpartition("-")[0]) in names
        for owner in owners
    )


def _words(refs: list[ObjectRef]) -> str:
    if not refs:
        return ""
    shown = ", ".join(map(str, refs[:3]))
    more = len(refs) - 3
    return f"{shown} and {more} more" if more > 0 else shown
