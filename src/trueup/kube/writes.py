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
