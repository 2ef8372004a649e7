"""`trueup tree`: a unit, what it delivers, and what that has made in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trueup.cli.connection import connected
from trueup.cli.options import Form
from trueup.cli.tables import ESSENTIAL, Column, Cut, show
from trueup.cli.tables.kinds import HEALTH_TONES
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import ObjectRef
from trueup.dialects.status_summary import standing
from trueup.queries.tree import TreeNode, is_source, source_tree, unit_tree

COLUMNS = (
    Column("OBJECT", ESSENTIAL, Cut.NAME, 32, identifies=True),
    Column("HEALTH", tones=HEALTH_TONES),
    Column("MESSAGE", 1, Cut.TEXT, 16),
)


async def tree(where: Where, word: str, form: Form) -> None:
    """Show the tree of a unit, or the units of a source."""
    async with connected(where) as cluster:
        body = await cluster.named(word, where.namespace, (Role.UNIT, Role.SOURCE))
        ref = ObjectRef.of(body)
        nodes = await (source_tree(cluster, ref) if is_source(ref) else unit_tree(cluster, ref))
    found = standing(body)
    state = {"True": "Ready", "False": "NotReady"}.get(found.ready, found.ready)
    rows = [(str(ref), state, " ".join(found.message.split())), *_rows(nodes)]
    show(form, {"unit": str(ref), "objects": [_data(node) for node in nodes]}, COLUMNS, rows)


def _data(node: TreeNode) -> dict[str, Any]:
    health = node.health
    made = [_data(child) for child in node.made]
    return {"object": str(node.ref), "health": health.status.value, "message": health.message, "made": made}


def _rows(nodes: Sequence[TreeNode], before: str = "") -> Iterator[tuple[str, str, str]]:
    """Give each object and what was made of it, with the lines that lead to it."""
    for at, node in enumerate(nodes, 1):
        last = at == len(nodes)
        branch, trunk = ("└── ", "    ") if last else ("├── ", "│   ")
        yield f"{before}{branch}{node.ref}", node.health.status.value, " ".join(node.health.message.split())
        yield from _rows(node.made, before + trunk)
