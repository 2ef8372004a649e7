"""An Application's sources and their revisions as a status shows them: one, or the lists of several.

As upstream has it, an Application that has `sources` shows lists, also where they hold one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.model.reports import UnitReport
from trueup.dialects.decode import list_of, mapping_of
from trueup.dialects.sync_options import commit_of

_TYPES = {"helm": "Helm", "kustomize": "Kustomize", "directory": "Directory", "plugin": "Plugin"}


class Shown(msgspec.Struct, frozen=True):
    """The sources that count, under the name they have in the spec. `several`: they are a list there."""

    sources: dict[str, Any]
    several: bool
    count: int = 1

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Shown:
        """Read them from the spec as the user wrote it."""
        listed = [dict(item) for item in list_of(spec, "sources") if isinstance(item, Mapping)]
        if listed:
            return cls({"sources": listed}, True, len(listed))
        source = mapping_of(spec, "source")
        return cls({"source": dict(source)} if source else {}, False)

    def revisions(self, one: str, several: tuple[str, ...]) -> dict[str, Any]:
        """Show revisions; empty where there are none, or those of another number of sources."""
        if not self.several:
            return {"revision": commit_of(one)} if one else {}
        found = several or ((one,) if one else ())
        return {"revisions": [commit_of(text) for text in found]} if len(found) == self.count else {}

    def known(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Give the revisions that a part of a status shows."""
        field = "revisions" if self.several else "revision"
        found = before.get(field)
        return {field: found} if found and (not self.several or len(list_of(before, field)) == self.count) else {}

    def types(self, before: Mapping[str, Any], report: UnitReport) -> dict[str, Any]:
        """Show what each source is rendered with, as far as that is known."""
        field = "sourceTypes" if self.several else "sourceType"
        if not self.several:
            found: Any = source_type(report.recipe)
        else:
            kinds = report.recipes or ((report.recipe,) if report.recipe and self.count == 1 else ())
            found = [source_type(kind) for kind in kinds]
        found = found or before.get(field)
        return {field: found} if found is not None else {}


def source_type(recipe: str) -> str:
    """Give Argo CD's word for what a recipe renders with, empty for what it has none for."""
    return _TYPES.get(recipe, "")
