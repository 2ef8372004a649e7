"""What Trueup remembers of a unit beside the user's object: the content of a `UnitState`.

The inventory, the inputs that were last good, inputs held back, and an attempt under way. It is written by
compare-and-swap before a sync's first write, so that a crash orphans nothing (`UnitState` of `trueup.dev/v1alpha1`).
Times are RFC 3339 strings in UTC, because they are stored and shown, never computed with.
"""

from __future__ import annotations

import msgspec

from trueup.core.objects import Inventory, ObjectRef
from trueup.core.recipe import Recipe

STATE_GROUP = "trueup.dev"
STATE_VERSION = "v1alpha1"
STATE_KIND = "UnitState"
STATE_PLURAL = "unitstates"


class Inputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a delivery is a function of, by content.

    `digest` covers the unit's spec, all files that rendering looked at, and the values it referenced: equal digests
    give equal objects. `revision` and `tree` say where the files came from, `recipe` and `spec` how they were read and
    `values` (a digest) what else was put in, so that the same inputs are known again and can be rendered again.
    `objects` is the digest of what they rendered to.
    """

    digest: str
    revision: str = ""
    tree: str = ""
    spec: str = ""
    values: str = ""
    objects: str = ""
    recipe: Recipe | None = None

    def same_source(self, tree: str, spec: str, values: str) -> bool:
        """Say whether a tree, a spec and values are those of these inputs, so that nothing need be rendered."""
        return bool(tree) and (self.tree, self.spec, self.values) == (tree, spec, values)


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sync under way: recorded before its first write, removed with its verdict."""

    id: str
    inputs: str
    revision: str
    started_at: str
    holder: str = ""
    operation: str = ""
    cause: str = ""


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """Inputs that made the unit sick and are not tried again until one of them changes. `sync` is the sync's id."""

    inputs: str
    revision: str
    reason: str
    since: str
    returned_to: str = ""
    sync: str = ""


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the short history that the user's object shows. `sync` is the id of its deployment record."""

    id: int
    revision: str
    started_at: str
    finished_at: str
    outcome: str
    digest: str = ""
    count: int = 1
    initiator: str = ""
    sync: str = ""


class UnitState(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is remembered of one unit.

    `good` are the inputs of the last sync that ended well, `applied` those of the last that was carried out, whatever
    its verdict. `failures` counts failed tries of the same inputs in a row.
    """

    inventory: Inventory = Inventory()
    good: Inputs | None = None
    applied: Inputs | None = None
    held: Held | None = None
    attempt: Attempt | None = None
    failures: int = 0
    failed_inputs: str = ""
    operation: str = ""
    requested: str = ""
    history: tuple[Deployment, ...] = ()
    next_id: int = 0


EMPTY_STATE = UnitState()


def state_name(unit: ObjectRef) -> str:
    """Name the `UnitState` of a unit: its kind, lower case, a dot, and its name (at most 253 characters)."""
    return f"{unit.kind.lower()}.{unit.name}"[:253]
