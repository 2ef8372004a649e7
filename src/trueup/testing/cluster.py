"""A cluster in memory, as a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trueup.core.fields.changes import field_changes
from trueup.core.health import Health, HealthStatus
from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import LOCAL, Body, ClusterRef, ObjectRef, digest_of
from trueup.core.model.recipe import (
    Capabilities,
)
from trueup.core.plan.tasks import Action, Step
from trueup.core.ports import Acting, Applied, ApplyError, ClusterUnreachable
from trueup.testing.clock import FakeFence

HEALTHY = Health(HealthStatus.HEALTHY)


class FakeCluster:
    """Keeps objects in memory, with a seal per object. Implements `Target`.

    `health` may be set per object, also for when it is written next; `refuse` makes a write fail; `unreadable`
    makes kinds unknown; `owner_of` reads an object's marks. `writes` lists what was written, in order. `before_write`
    and `after_write` are called around each.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[ObjectRef, Body] = {}
        self.health: dict[ObjectRef, Health] = {}
        self.health_once_written: dict[ObjectRef, Health] = {}
        self.refuse: dict[ObjectRef, ApplyError] = {}
        self.owner_of: Callable[[Body], ObjectRef | None] = lambda body: None
        self.unreadable: set[tuple[str, str]] = set()
        self.writes: list[tuple[Action, ObjectRef]] = []
        self.tried: list[ObjectRef] = []
        self.changed: Callable[[ObjectRef], None] = lambda ref: None
        self.fence = FakeFence()
        self.before_write: Callable[[], None] = lambda: None
        self.after_write: Callable[[], None] = lambda: None

    async def watch(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Do nothing: everything is seen."""

    def keep_bodies(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Keep nothing: every object can be read."""

    async def read(self, ref: ObjectRef) -> Body | None:
        """Give an object."""
        return self.objects.get(ref)

    def live(self, ref: ObjectRef, manager: str) -> Live | Presence:
        """Give what lives."""
        if (ref.group, ref.kind) in self.unreadable:
            return Presence.UNKNOWN
        body = self.objects.get(ref)
        if body is None:
            return Presence.ABSENT
        health = self.health.get(ref, HEALTHY)
        return Live(ref, f"uid-{ref}", "1", digest_of(body), health, owner=self.owner_of(body))

    def scope(self, group: str, kind: str) -> bool | None:
        """Namespaces have none."""
        return kind not in ("Namespace", "CustomResourceDefinition", "ClusterRole")

    async def learn(self, kinds: frozenset[tuple[str, str]]) -> None:
        """Do nothing: every kind is served."""

    def capabilities(self) -> Capabilities:
        """Give none."""
        return Capabilities()

    async def try_out(self, step: Step, acting: Acting) -> None:
        """Refuse what a write would refuse."""
        self.tried.append(step.ref)
        if step.ref in self.refuse:
            raise self.refuse[step.ref]

    async def write(self, step: Step, acting: Acting) -> Applied:
        """Keep or remove the object."""
        self.fence.check()
        self.before_write()
        if step.ref in self.refuse:
            raise self.refuse[step.ref]
        self.writes.append((step.action, step.ref))
        if step.action is Action.PRUNE:
            self.objects.pop(step.ref, None)
            self.after_write()
            return Applied(None, True)
        assert step.desired is not None
        before, after = self.objects.get(step.ref), step.desired.body()
        self.objects[step.ref] = after
        if step.ref in self.health_once_written:
            self.health[step.ref] = self.health_once_written.pop(step.ref)
        self.after_write()
        live = self.live(step.ref, acting.manager)
        fields = field_changes(before, after) if before is not None else ()
        return Applied(live if isinstance(live, Live) else None, True, fields=fields)

    async def ensure_namespace(
        self, name: str, labels: dict[str, str], annotations: dict[str, str], acting: Acting, forbidden: str = ""
    ) -> None:
        """Make the namespace."""
        ref = ObjectRef("", "Namespace", "", name)
        if forbidden and ref not in self.objects:
            raise ApplyError(ref, "Forbidden", f"{ref} is not made: {forbidden}")
        self.objects.setdefault(ref, {"metadata": {"name": name}})

    async def settled(self, refs: Sequence[ObjectRef], timeout: float) -> tuple[ObjectRef, ...]:
        """Everything settles at once."""
        return ()

    async def holding(self, ref: ObjectRef, own: frozenset[ObjectRef]) -> str:
        """Say whether a namespace holds objects of others."""
        if ref.kind != "Namespace":
            return ""
        others = [other for other in self.objects if other.namespace == ref.name and other not in own]
        return f"{len(others)} objects of others" if others else ""

    async def explain(self, ref: ObjectRef) -> str:
        """Know nothing more."""
        return ""

    def set_health(self, ref: ObjectRef, status: HealthStatus, message: str = "") -> None:
        """Change an object's health, and tell."""
        self.health[ref] = Health(status, message)
        self.changed(ref)

    def set_health_once_written(self, ref: ObjectRef, status: HealthStatus, message: str = "") -> None:
        """Have an object's health change with its next write."""
        self.health_once_written[ref] = Health(status, message)

    def edit(self, ref: ObjectRef, **fields: Any) -> None:
        """Change an object by hand, and tell."""
        self.objects[ref] = {**self.objects[ref], **fields}
        self.changed(ref)

    def remove(self, ref: ObjectRef) -> None:
        """Remove an object by hand, and tell."""
        del self.objects[ref]
        self.changed(ref)


class FakeTargets:
    """Gives a fake cluster for each name; `unreachable` says why one cannot be reached. Implements `Targets`."""

    def __init__(self, local: FakeCluster, **others: FakeCluster) -> None:
        """Take the local cluster, and others by name."""
        self._clusters = {LOCAL: local, **{ClusterRef(name): cluster for name, cluster in others.items()}}
        self.unreachable: dict[ClusterRef, str] = {}
        self.kept: frozenset[ClusterRef] = frozenset()

    def of(self, cluster: ClusterRef) -> FakeCluster:
        """Give a cluster."""
        if cluster not in self._clusters or cluster in self.unreachable:
            raise ClusterUnreachable(f"cluster {cluster} cannot be reached: {self.unreachable.get(cluster, 'unknown')}")
        return self._clusters[cluster]

    def keep(self, clusters: frozenset[ClusterRef]) -> None:
        """Take note of which clusters are named."""
        self.kept = clusters
