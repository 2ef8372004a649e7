"""`trueup tree`: a unit, what it delivers, and what that has made in turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import typer
import yaml
from rich.markup import escape
from rich.tree import Tree

from trueup.cli.access import Access, access
from trueup.cli.options import Form
from trueup.cli.showing import console
from trueup.core.health import HealthStatus, assess
from trueup.core.objects import Body, InventoryEntry, ObjectRef
from trueup.dialects.standing import standing
from trueup.kube.errors import KindNotServed, KubeError

MADE = (("apps", "ReplicaSet"), ("", "Pod"), ("batch", "Job"), ("discovery.k8s.io", "EndpointSlice"))
"""Kinds that controllers make of delivered objects."""

_COLOURS = {
    HealthStatus.HEALTHY: "green",
    HealthStatus.PROGRESSING: "yellow",
    HealthStatus.SUSPENDED: "yellow",
    HealthStatus.DEGRADED: "red",
    HealthStatus.MISSING: "red",
}


async def tree(kubeconfig: str, context: str, word: str, namespace: str, form: Form) -> None:
    """Show a unit's tree."""
    async with access(kubeconfig, context) as cluster:
        body = await cluster.unit(word, namespace)
        state = await cluster.state(ObjectRef.of(body))
        entries = state.inventory.entries
        lives = await asyncio.gather(*(_live(cluster, entry) for entry in entries))
        made = await _made(cluster, {entry.namespace for entry in entries if entry.namespace})
    nodes = [_node(entry.ref, live, made) for entry, live in zip(entries, lives, strict=True)]
    if form is Form.TABLE:
        found = standing(body)
        root = Tree(escape(f"{ObjectRef.of(body)} {found.ready} {found.message}".rstrip()), style="bold")
        for node in nodes:
            _grow(root, node)
        console().print(root)
    else:
        told = {"unit": str(ObjectRef.of(body)), "objects": nodes}
        text = json.dumps(told, indent=2) if form is Form.JSON else yaml.safe_dump(told, sort_keys=False).rstrip()
        typer.echo(text)


async def _live(cluster: Access, entry: InventoryEntry) -> Body | KubeError | None:
    """Give an object, `None` where it is not there, or the error for which nobody can tell."""
    try:
        resource = await cluster.mapper.of(entry.ref)
        reply = await cluster.client.find(resource, entry.name, entry.namespace)
    except KindNotServed:
        return None
    except KubeError as error:
        return error
    return reply.body if reply else None


async def _made(cluster: Access, namespaces: set[str]) -> dict[str, list[Body]]:
    """Give what controllers have made in these namespaces, by its owner's uid."""
    found: dict[str, list[Body]] = {}
    for group, kind in MADE:
        resource = cluster.mapper.known(group, kind)
        if resource is None:
            continue
        for namespace in sorted(namespaces):
            for body in (await cluster.client.list_all(resource, namespace)).items:
                for owner in body["metadata"].get("ownerReferences") or []:
                    found.setdefault(str(owner.get("uid")), []).append(body)
    return found


def _node(ref: ObjectRef, body: Body | KubeError | None, made: dict[str, list[Body]]) -> dict[str, Any]:
    if isinstance(body, KubeError):
        return {"object": str(ref), "health": HealthStatus.UNKNOWN.value, "message": body.message, "made": []}
    if body is None:
        return {"object": str(ref), "health": HealthStatus.MISSING.value, "message": "it is not there", "made": []}
    health = assess(body)
    children = made.get(str(body["metadata"].get("uid")), [])
    nodes = [_node(ObjectRef.of(child), child, made) for child in sorted(children, key=lambda item: ObjectRef.of(item))]
    return {"object": str(ref), "health": health.status.value, "message": health.message, "made": nodes}


def _grow(tree: Tree, node: dict[str, Any]) -> None:
    colour = _COLOURS.get(HealthStatus(node["health"]), "dim")
    message = f" [dim]{escape(node['message'])}[/dim]" if node["message"] else ""
    branch = tree.add(f"{escape(node['object'])} [{colour}]{node['health']}[/{colour}]{message}", style="not bold")
    for child in node["made"]:
        _grow(branch, child)
