"""`trueup tree`: a unit, what it delivers, and what that has made in turn."""

from __future__ import annotations

import json
from typing import Any

import typer
import yaml
from rich.markup import escape
from rich.tree import Tree

from trueup.cli.connection import connected
from trueup.cli.options import Form
from trueup.cli.tables import console
from trueup.cli.where import Where
from trueup.core.health import HealthStatus
from trueup.core.model.dialect import Role
from trueup.core.model.objects import ObjectRef
from trueup.dialects.status_summary import standing
from trueup.queries.tree import TreeNode, is_source, source_tree, unit_tree

_COLOURS = {
    HealthStatus.HEALTHY: "green",
    HealthStatus.PROGRESSING: "yellow",
    HealthStatus.SUSPENDED: "yellow",
    HealthStatus.DEGRADED: "red",
    HealthStatus.MISSING: "red",
}


async def tree(where: Where, word: str, form: Form) -> None:
    """Show the tree of a unit, or the units of a source."""
    async with connected(where) as cluster:
        body = await cluster.named(word, where.namespace, (Role.UNIT, Role.SOURCE))
        ref = ObjectRef.of(body)
        nodes = await (source_tree(cluster, ref) if is_source(ref) else unit_tree(cluster, ref))
    if form is Form.TABLE:
        found = standing(body)
        root = Tree(escape(f"{ref} {found.ready} {found.message}".rstrip()), style="bold")
        for node in nodes:
            _grow(root, node)
        console().print(root)
    else:
        told = {"unit": str(ref), "objects": [_data(node) for node in nodes]}
        text = json.dumps(told, indent=2) if form is Form.JSON else yaml.safe_dump(told, sort_keys=False).rstrip()
        typer.echo(text)


def _data(node: TreeNode) -> dict[str, Any]:
    health = node.health
    made = [_data(child) for child in node.made]
    return {"object": str(node.ref), "health": health.status.value, "message": health.message, "made": made}


def _grow(tree: Tree, node: TreeNode) -> None:
    status, text = node.health.status, node.health.message
    colour = _COLOURS.get(status, "dim")
    message = f" [dim]{escape(text)}[/dim]" if text else ""
    branch = tree.add(f"{escape(str(node.ref))} [{colour}]{status}[/{colour}]{message}", style="not bold")
    for child in node.made:
        _grow(branch, child)
