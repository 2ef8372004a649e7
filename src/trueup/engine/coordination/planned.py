"""Which units have planned for which revision of their sources, and which have not yet."""

from __future__ import annotations

from collections.abc import Mapping, Set

from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import Unit
from trueup.engine.coordination.units import Registry


class PlannedRevisions:
    """Remembers by unit what it has planned for, and by source who lags behind its present revision.

    Who lags behind is found once for each revision, and kept while units plan.
    """

    def __init__(self) -> None:
        """Start with nobody having planned."""
        self._planned: dict[ObjectRef, Mapping[ObjectRef, str]] = {}
        self._behind: dict[ObjectRef, tuple[str, dict[ObjectRef, None]]] = {}

    def of(self, unit: ObjectRef) -> Mapping[ObjectRef, str]:
        """Give the revision of each source that a unit has last planned for."""
        return self._planned.get(unit, {})

    def note(self, unit: ObjectRef, revisions: Mapping[ObjectRef, str]) -> None:
        """Take note that a unit has said what it wants at these revisions of its sources."""
        self._planned[unit] = revisions
        for source, revision in revisions.items():
            known = self._behind.get(source)
            if known is None:
                continue
            if known[0] == revision:
                known[1].pop(unit, None)
            else:
                # What was found counts no more once a unit has planned for another revision.
                del self._behind[source]

    def declared(self, unit: Unit) -> None:
        """Take note of a new or changed unit: it lags behind where it has not planned for its sources."""
        planned = self.of(unit.ref)
        for one in unit.sources:
            known = self._behind.get(one.ref)
            if known is not None and planned.get(one.ref) != known[0]:
                known[1][unit.ref] = None

    def forget(self, unit: ObjectRef) -> None:
        """Forget what a unit has planned for."""
        self._planned.pop(unit, None)

    def forget_source(self, source: ObjectRef) -> None:
        """Forget who lags behind a source that is not declared any more."""
        self._behind.pop(source, None)

    def behind(self, source: ObjectRef, revision: str, registry: Registry) -> Set[ObjectRef]:
        """Give the units that have not planned for the present revision of a source; some may be gone meanwhile."""
        known = self._behind.get(source)
        if known is None or known[0] != revision:
            late = (ref for ref in registry.by_source.units(source) if self.of(ref).get(source) != revision)
            known = self._behind[source] = (revision, dict.fromkeys(sorted(late)))
        return known[1].keys()
