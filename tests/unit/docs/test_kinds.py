"""Nobody outside the dialects names a kind of theirs: what is known of one stands in its adapter."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from trueup.dialects import adapters

SOURCE = Path(__file__).parents[3] / "src" / "trueup"
ALLOWED = {
    "core/health": "health rules for objects of any kind that is delivered, upstream's among them",
    "notifications/services": "messages carry the names that receivers of Flux' messages know",
    "devtools/demo": "the demo's story is told with manifests",
    "dialects": "the dialects themselves",
}


def names() -> frozenset[str]:
    kinds = {one.kind.kind for one in adapters()} | {"ApplicationSet", "HelmRelease", "OCIRepository", "HelmRepository"}
    return frozenset(kinds | {one.kind.group for one in adapters()})


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_kind_of_a_dialect_is_named(path: Path) -> None:
    place = str(path.relative_to(SOURCE))
    if any(place.startswith(f"{allowed}/") for allowed in ALLOWED):
        return
    known = names()
    found = [
        f"line {node.lineno}: {node.value!r}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in known
    ]
    assert not found, f"{place} knows a kind of a dialect; its adapter should say what is needed: {found}"
