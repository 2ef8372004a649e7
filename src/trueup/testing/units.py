"""Units with sensible defaults."""

from __future__ import annotations

from typing import Any

from trueup.core.model.objects import ObjectRef, digest_of
from trueup.core.model.recipe import (
    DirectoryRecipe,
)
from trueup.core.model.unit import Target, Unit


def a_unit(name: str, source: ObjectRef, **fields: Any) -> Unit:
    """Make a unit that delivers the folder of its name to the namespace `default`."""
    values: dict[str, Any] = {
        "ref": ObjectRef("example.com", "Unit", "default", name),
        "uid": f"uid-{name}",
        "generation": 1,
        "source": source,
        "recipe": DirectoryRecipe(path=name),
        "spec_digest": digest_of(name),
        "target": Target(namespace="default"),
        **fields,
    }
    return Unit(**values)
