"""What all steps share: the ports and the indexes over all units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from trueup.core.model.live import Live, Presence
from trueup.core.model.objects import Body, InventoryEntry, ObjectRef
from trueup.core.model.recipe import Capabilities
from trueup.core.model.unit import Unit
from trueup.core.ports import (
    ChartDependencies,
    Clock,
    Delivery,
    EventSink,
    Fence,
    Finalizers,
    Renderer,
    Reports,
    Sources,
    States,
    Targets,
    Values,
)
from trueup.core.rollback.pinning import Request
from trueup.engine.coordination.breaker import Breaker
from trueup.engine.coordination.owners import OwnerIndex
from trueup.engine.coordination.planned import PlannedRevisions
from trueup.engine.coordination.units import Registry
from trueup.engine.runtime import UnitRuntime
from trueup.engine.source_controller import SourceController


@dataclass(frozen=True, slots=True)
class EngineContext:
    """The ports and indexes that steps use. `deliveries` are those that units can name.

    `runtime_of` gives another unit's runtime, `body_of` the user's object of a unit, `managed_by` names the other
    controller that manages it, and `reported_of` gives the objects that its status names. `notify_dependents` is called
    with a unit's ref when its readiness changed; `requeue` reconciles a unit again. `breaker` knows which units are
    unhealthy at once, `unhealthy` are the units whose own failure holds inputs back, and `asked` gives the request
    written on a unit's `UnitState`. `propose` queues a unit's revert proposals; `None`: none are made.
    """

    sources: Sources
    source_controller: SourceController
    renderer: Renderer
    charts: ChartDependencies | None
    targets: Targets
    deliveries: Mapping[str, Delivery]
    states: States
    values: Values
    reports: Reports
    event_sink: EventSink
    clock: Clock
    fence: Fence
    finalizers: Finalizers
    owners: OwnerIndex
    planned: PlannedRevisions
    registry: Registry
    runtime_of: Callable[[ObjectRef], UnitRuntime | None]
    body_of: Callable[[ObjectRef], Body | None]
    managed_by: Callable[[ObjectRef], str]
    reported_of: Callable[[Unit], Sequence[InventoryEntry]]
    notify_dependents: Callable[[ObjectRef], None]
    requeue: Callable[[ObjectRef], None]
    breaker: Breaker
    unhealthy: set[ObjectRef]
    asked: Callable[[ObjectRef], Request | None]
    propose: Callable[[ObjectRef], None] | None
    identity: str

    def delivery(self, unit: Unit) -> Delivery:
        """Give how a unit is delivered."""
        return self.deliveries[unit.delivery]

    def live(self, unit: Unit, ref: ObjectRef) -> Live | Presence:
        """Say what is known of something that a unit delivers. Asks nobody."""
        return self.deliveries[unit.delivery].live(unit, ref)

    def capabilities(self, unit: Unit) -> Capabilities:
        """Say what a unit's templates may know of its cluster. Raises `Unreachable`."""
        return self.targets.of(unit.target.cluster).capabilities()
