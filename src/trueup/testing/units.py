"""Units with sensible defaults."""

from __future__ import annotations

from typing import Any

from trueup.core.model.objects import ObjectRef, digest_of
from trueup.core.model.recipe import (
    DirectoryRecipe,
    Recipe,
)
from trueup.core.model.unit import Target, Unit, UnitSource


def a_unit(name: str, source: ObjectRef, **fields: Any) -> Unit:
    """Make a unit that delivers the folder of its name to the namespace `default`."""
    recipe: Recipe = fields.pop("recipe", DirectoryRecipe(path=name))
    values: dict[str, Any] = {
        "ref": ObjectRef("example.com", "Unit", "default", name),
        "uid": f"uid-{name}",
        "generation": 1,
        "sources": (UnitSource(source, recipe),),
        "spec_digest": digest_of(name),
        "target": Target(namespace="default"),
        **fields,
    }
    return Unit(**values)
