"""A unit as a tree: what it delivers, and what controllers have made of that."""

from __future__ import annotations

import asyncio

import msgspec

from trueup.core.health import Health, HealthStatus, assess
from trueup.core.model.dialect import Context, Role
from trueup.core.model.objects import Body, InventoryEntry, ObjectRef
from trueup.dialects import adapter_of, dialect_of
from trueup.dialects.status_summary import standing
from trueup.kube.errors import Forbidden, KindNotServed, KubeError
from trueup.queries.objects import Objects

_HEALTH = {"True": HealthStatus.HEALTHY, "False": HealthStatus.DEGRADED}
MADE = (("apps", "ReplicaSet"), ("", "Pod"), ("batch", "Job"), ("discovery.k8s.io", "EndpointSlice"))
"""Kinds that controllers make of delivered objects."""


class TreeNode(msgspec.Struct, frozen=True):
    """An object, how it fares, and what was made of it."""

    ref: ObjectRef
    health: Health
    made: tuple[TreeNode, ...] = ()


async def unit_tree(cluster: Objects, ref: ObjectRef) -> tuple[TreeNode, ...]:
    """Give the objects of a unit's inventory. Raises `KubeError` where the cluster cannot be read."""
    entries = (await cluster.state(ref)).inventory.entries
    lives = await asyncio.gather(*(_live(cluster, entry) for entry in entries))
    made = await _made(cluster, {entry.namespace for entry in entries if entry.namespace})
    return tuple(_node(entry.ref, live, made) for entry, live in zip(entries, lives, strict=True))


def is_source(ref: ObjectRef) -> bool:
    """Say whether an object is a source, and no unit."""
    adapter = adapter_of(ref.group, ref.kind)
    return adapter is not None and adapter.kind.role is Role.SOURCE


async def source_tree(cluster: Objects, ref: ObjectRef) -> tuple[TreeNode, ...]:
    """Give the units that take from a source, and how they stand. Raises `KubeError` where they cannot be listed."""
    found = []
    for body in await cluster.objects(Role.UNIT):
        own = ObjectRef.of(body)
        dialect = dialect_of(own.group, own.kind)
        unit = dialect.translate(body, Context()).unit if dialect else None
        if unit is not None and any(one.ref == ref for one in unit.sources):
            stands = standing(body)
            found.append(TreeNode(own, Health(_HEALTH.get(stands.ready, HealthStatus.PROGRESSING), stands.message)))
    return tuple(found)


async def _live(cluster: Objects, entry: InventoryEntry) -> Body | KubeError | None:
    """Give an object, `None` where it is not there, or the error for which nobody can tell."""
    try:
        resource = await cluster.mapper.of(entry.ref)
        reply = await cluster.client.find(resource, entry.name, entry.namespace)
    except KindNotServed:
        return None
    except KubeError as error:
        return error
    return reply.body if reply else None


async def _made(cluster: Objects, namespaces: set[str]) -> dict[str, list[Body]]:
    """Give what controllers have made in these namespaces, by its owner's uid."""
    found: dict[str, list[Body]] = {}
    for group, kind in MADE:
        resource = cluster.mapper.known(group, kind)
        if resource is None:
            continue
        for namespace in sorted(namespaces):
            try:
                listed = (await cluster.client.list_all(resource, namespace)).items
            except Forbidden:
                # Who may not list these is shown the rest.
                continue
            for body in listed:
                for owner in body["metadata"].get("ownerReferences") or []:
                    found.setdefault(str(owner.get("uid")), []).append(body)
    return found


def _node(ref: ObjectRef, body: Body | KubeError | None, made: dict[str, list[Body]]) -> TreeNode:
    if isinstance(body, KubeError):
        return TreeNode(ref, Health(HealthStatus.UNKNOWN, body.message))
    if body is None:
        return TreeNode(ref, Health(HealthStatus.MISSING, "it is not there"))
    children = sorted(made.get(str(body["metadata"].get("uid")), []), key=lambda item: ObjectRef.of(item))
    return TreeNode(ref, assess(body), tuple(_node(ObjectRef.of(child), child, made) for child in children))
