"""Options of the requests that write."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

Propagation: TypeAlias = Literal["Background", "Foreground", "Orphan"]
Validation: TypeAlias = Literal["", "Strict", "Warn", "Ignore"]


class PatchType(StrEnum):
    """How a patch is written."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


KUBECTL = "kubectl"
"""What the names of kubectl's field managers begin with."""

ROLLOUT = "kubectl-rollout"
"""`kubectl rollout restart` is no change of what is wanted."""

LEGACY_MANAGERS = ("kubectl-client-side-apply", "before-first-apply")


class Write(msgspec.Struct, frozen=True):
    """Options of every write.

    `manager` is the field manager; `dry_run` has the API server do everything but keep it; `validation` says what
    becomes of unknown fields; `subresource` is `status`, `scale`…; `timeout` is in seconds, 0 for the client's.
    """

    manager: str = ""
    dry_run: bool = False
    validation: Validation = ""
    subresource: str = ""
    timeout: float = 0.0

    def query(self) -> dict[str, str]:
        """The options as query parameters."""
        given: dict[str, str] = {}
        if self.manager:
            given["fieldManager"] = self.manager
        if self.dry_run:
            given["dryRun"] = "All"
        if self.validation:
            given["fieldValidation"] = self.validation
        return given


PLAIN_WRITE = Write()


class Apply(msgspec.Struct, frozen=True):
    """How an object is written.

    `manager` owns what is applied. `force` takes fields that others own. `replace` writes the object as a whole instead
    of applying it. `recreate_on_immutable` deletes (with `propagation`) and makes anew what cannot be changed in place.
    `legacy_managers` are those whose ownership by update moves to ours on first touch; with `adopts` that of every
    manager of kubectl's too, by apply as well. `drop_unknown` leaves out fields that the kind does not have.
    """

    manager: str
    force: bool = True
    dry_run: bool = False
    replace: bool = False
    recreate_on_immutable: bool = False
    propagation: Propagation = "Background"
    validation: Validation = ""
    legacy_managers: tuple[str, ...] = LEGACY_MANAGERS
    adopts: bool = False
    drop_unknown: bool = False

    def write(self) -> Write:
        """The request's options."""
        return Write(manager=self.manager, dry_run=self.dry_run, validation=self.validation)
