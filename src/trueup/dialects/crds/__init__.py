"""The custom resource definitions of every kind that Trueup reads, and of its own `UnitState`.

Names, short names, categories, printer columns and subresources are upstream's, so that `kubectl` shows what its users
know; the schemas come from the typed objects. Each kind's definition stands in its own folder.
"""

from __future__ import annotations

from trueup.core.model.state import STATE_GROUP, STATE_KIND, STATE_PLURAL, STATE_VERSION
from trueup.dialects.crds.definitions import AGE, Definition, Version, column, definition
from trueup.dialects.crds.schema import any_object

__all__ = ["Definition", "state_definition"]


def state_definition() -> Definition:
    """Give the definition of what Trueup remembers of a unit; its content is in `state`."""
    version = Version(
        STATE_VERSION,
        {
            "spec": any_object(),
            "state": any_object("What Trueup remembers of the unit: inventory, last good inputs, inputs held back."),
        },
        [
            column("Held back", ".state.held.revision"),
            column("Good", ".state.good.revision"),
            column("Pinned", ".state.pin.inputs.revision"),
            AGE,
        ],
        description="UnitState is what Trueup remembers of one unit beside the user's object. Do not change it.",
    )
    return definition(STATE_GROUP, STATE_KIND, STATE_PLURAL, [version.written()])
