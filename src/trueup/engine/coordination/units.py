"""What is declared: units, and the indexes by which an event finds the units it concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from trueup.core.model.objects import ClusterObject, ClusterRef, ObjectRef
from trueup.core.model.unit import Unit

K = TypeVar("K", bound=Hashable)


class Index(Generic[K]):
    """Many-to-many: from a key to the units that refer to it."""

    def __init__(self) -> None:
        """Start empty."""
        self._units: defaultdict[K, set[ObjectRef]] = defaultdict(set)
        self._keys: dict[ObjectRef, frozenset[K]] = {}

    def set(self, unit: ObjectRef, keys: Iterable[K]) -> frozenset[K]:
        """Replace what a unit refers to; gives what is new of it."""
        after = frozenset(keys)
        before = self._keys.get(unit, frozenset())
        for key in before - after:
            units = self._units[key]
            units.discard(unit)
            if not units:
                del self._units[key]
        for key in after - before:
            self._units[key].add(unit)
        if after:
            self._keys[unit] = after
        else:
            self._keys.pop(unit, None)
        return after - before

    def units(self, key: K) -> frozenset[ObjectRef]:
        """Give the units that refer to a key."""
        return frozenset(self._units.get(key, ()))

    def referred(self) -> frozenset[K]:
        """Give all that units refer to."""
        return frozenset(self._units)


class Registry:
    """All declared units, by identity and by what an event may be about.

    That is: their source, units they depend on, values they refer to, objects whose health they check, and the
    namespace and cluster they deliver to.
    """

    def __init__(self) -> None:
        """Start with no units."""
        self._units: dict[ObjectRef, Unit] = {}
        self.by_source: Index[ObjectRef] = Index()
        self.by_dependency: Index[ObjectRef] = Index()
        self.by_value: Index[ObjectRef] = Index()
        self.by_check: Index[ClusterObject] = Index()
        self.by_namespace: Index[ClusterObject] = Index()
        self.by_cluster: Index[ClusterRef] = Index()

    def get(self, ref: ObjectRef) -> Unit | None:
        """Give a unit, `None` where it is not declared."""
        return self._units.get(ref)

    def put(self, unit: Unit) -> Unit | None:
        """Take a new or changed unit; gives the one it replaces."""
        before = self._units.get(unit.ref)
        self._units[unit.ref] = unit
        self.by_source.set(unit.ref, (one.ref for one in unit.sources))
        self.by_dependency.set(unit.ref, (item.ref for item in unit.depends_on))
        cluster, namespace = unit.target.cluster, ObjectRef("", "Namespace", "", unit.target.namespace)
        self.by_check.set(unit.ref, (ClusterObject(cluster, ref) for ref in unit.gate.checks))
        self.by_namespace.set(unit.ref, [ClusterObject(cluster, namespace)])
        self.by_cluster.set(unit.ref, [cluster])
        values = [*unit.inputs, *(unit.substitution.sources if unit.substitution else ())]
        self.by_value.set(unit.ref, (item.ref for item in values))
        return before

    def remove(self, ref: ObjectRef) -> Unit | None:
        """Forget a unit; gives it, or `None` where it was not known."""
        unit = self._units.pop(ref, None)
        for index in (self.by_source, self.by_dependency, self.by_value):
            index.set(ref, ())
        for objects in (self.by_check, self.by_namespace):
            objects.set(ref, ())
        self.by_cluster.set(ref, ())
        return unit

    def dependents(self, ref: ObjectRef) -> frozenset[ObjectRef]:
        """Give all units that depend on one, by however many steps."""
        found: set[ObjectRef] = set()
        ahead = [ref]
        while ahead:
            for unit in self.by_dependency.units(ahead.pop()) - found:
                found.add(unit)
                ahead.append(unit)
        return frozenset(found - {ref})

    def connected(self, ref: ObjectRef) -> frozenset[ObjectRef]:
        """Give all units that are tied to one by dependencies, in either direction and by however many steps."""
        found: set[ObjectRef] = {ref}
        ahead = [ref]
        while ahead:
            one = ahead.pop()
            unit = self._units.get(one)
            beyond = {item.ref for item in unit.depends_on} if unit else set()
            for other in (beyond | self.by_dependency.units(one)) - found:
                found.add(other)
                ahead.append(other)
        return frozenset(found - {ref})

    def cycle(self, ref: ObjectRef) -> tuple[ObjectRef, ...]:
        """Give the way from a unit through its dependencies back to itself, both ends included; empty without one."""
        came_from: dict[ObjectRef, ObjectRef] = {}
        ahead = [ref]
        while ahead:
            one = ahead.pop()
            unit = self._units.get(one)
            for item in unit.depends_on if unit else ():
                if item.ref == ref:
                    path = [ref, one]
                    while path[-1] != ref:
                        path.append(came_from[path[-1]])
                    return tuple(reversed(path))
                if item.ref not in came_from:
                    came_from[item.ref] = one
                    ahead.append(item.ref)
        return ()

    def all(self) -> tuple[Unit, ...]:
        """Give all units."""
        return tuple(self._units.values())

    def __len__(self) -> int:
        """Count the units."""
        return len(self._units)
