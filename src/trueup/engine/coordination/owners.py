"""Which unit wants which object: one index across all units and clusters.

From it come the claims that a plan respects: shared objects (the same content), contested ones (different content) and
moved ones (another unit wants what this one no longer has).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from trueup.core.model.objects import LOCAL, ClusterObject, ClusterRef, ObjectRef
from trueup.core.plan.plan import Claim
from trueup.engine.coordination.units import Index


class OwnerIndex:
    """Remembers for every object who wants it, with what content, and who came first."""

    def __init__(self) -> None:
        """Start with no owners."""
        self._owners: dict[ClusterObject, dict[ObjectRef, tuple[int, str]]] = {}
        self._wanted: dict[ObjectRef, frozenset[ClusterObject]] = {}
        self._holders: Index[ClusterObject] = Index()
        self._order = count()

    def want(self, unit: ObjectRef, cluster: ClusterRef, contents: Mapping[ObjectRef, str]) -> frozenset[ObjectRef]:
        """Set what a unit wants (object → digest of its content) of a cluster. Gives the units whose claims changed.

        A content that is not known (empty) is taken for the same as any other until it is.
        """
        affected: set[ObjectRef] = set()
        before = self._wanted.get(unit, frozenset())
        after = frozenset(ClusterObject(cluster, ref) for ref in contents)
        for one in before - after:
            owners = self._owners[one]
            del owners[unit]
            affected.update(owners)
            if not owners:
                del self._owners[one]
        for ref, content in contents.items():
            owners = self._owners.setdefault(ClusterObject(cluster, ref), {})
            known = owners.get(unit)
            if known is None:
                owners[unit] = (next(self._order), content)
            elif known[1] != content:
                owners[unit] = (known[0], content)
            else:
                continue
            affected.update(owners)
        self._wanted[unit] = after
        if not after:
            del self._wanted[unit]
        return frozenset(affected - {unit})

    def forget(self, unit: ObjectRef) -> frozenset[ObjectRef]:
        """Take note that a unit wants and has nothing any more. Gives the units whose claims this changed."""
        return self.want(unit, LOCAL, {}) | self.own(unit, LOCAL, ())

    def own(self, unit: ObjectRef, cluster: ClusterRef, refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
        """Set what a unit has in its inventory. Gives the other units that have something of what is new there."""
        new = self._holders.set(unit, (ClusterObject(cluster, ref) for ref in refs))
        return frozenset(holder for one in new for holder in self._holders.units(one)) - {unit}

    def claims(self, unit: ObjectRef, cluster: ClusterRef, refs: Iterable[ObjectRef]) -> dict[ObjectRef, Claim]:
        """Give, for those objects that other units want too, the claim of the one that came first among these."""
        found: dict[ObjectRef, Claim] = {}
        for ref in refs:
            owners = self._owners.get(ClusterObject(cluster, ref))
            if not owners or (len(owners) == 1 and unit in owners):
                continue
            mine = owners.get(unit)
            other, (order, content) = min(
                ((key, value) for key, value in owners.items() if key != unit), key=lambda item: item[1][0]
            )
            found[ref] = Claim(
                unit=other,
                same=mine is not None and (mine[1] == content or not mine[1] or not content),
                first=mine is None or order < mine[0],
                owned=not self._holders.units(ClusterObject(cluster, ref)).isdisjoint(owners.keys() - {unit}),
            )
        return found

    def owners(self, cluster: ClusterRef, ref: ObjectRef) -> tuple[ObjectRef, ...]:
        """Give the units that want an object, the first to come first."""
        owners = self._owners.get(ClusterObject(cluster, ref), {})
        return tuple(sorted(owners, key=lambda unit: owners[unit][0]))

    def wanted(self, unit: ObjectRef) -> frozenset[ClusterObject]:
        """Give all that a unit wants."""
        return self._wanted.get(unit, frozenset())
