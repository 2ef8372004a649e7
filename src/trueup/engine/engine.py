"""The engine: takes declarations and events in, and has a unit reconciled when something that concerns it changed.

It never asks the clock whether anything changed. What may concern a unit: its own object, its source, a unit it depends
on, a value it refers to, a live object it owns, another unit that wants the same object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog

from trueup.core.model.events import UnitGone
from trueup.core.model.objects import LOCAL, Body, ClusterObject, ClusterRef, InventoryEntry, ObjectRef
from trueup.core.model.reports import UnitPhase
from trueup.core.model.unit import OBJECTS, SourceDeclaration, Unit
from trueup.core.plan.desired import OptionsReader
from trueup.core.ports import (
    ChartDependencies,
    Clock,
    Credentials,
    Delivery,
    EventSink,
    Fence,
    Fenced,
    Finalizers,
    Proposals,
    Renderer,
    Reports,
    Sources,
    States,
    Targets,
    Values,
)
from trueup.core.rollback.pinning import Request
from trueup.engine.context import EngineContext
from trueup.engine.coordination.breaker import Breaker
from trueup.engine.coordination.owners import OwnerIndex
from trueup.engine.coordination.planned import PlannedRevisions
from trueup.engine.coordination.priority import FEW, touched_first
from trueup.engine.coordination.proposing import Proposer
from trueup.engine.coordination.units import Registry
from trueup.engine.delivery import ObjectDelivery
from trueup.engine.reconciler import load, reconcile
from trueup.engine.reconciliation import Reconciliation
from trueup.engine.runtime import UnitRuntime
from trueup.engine.source_controller import SourceController
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

WORKERS = 40
BESIDE = 1
"""Units that a commit does not touch, reconciled beside those that it does."""

FENCED_PAUSE = 2.0
LOADED_AT_ONCE = 100
"""Records that are read before others may run: some milliseconds."""


class EnginePorts(msgspec.Struct, frozen=True):
    """All that the engine works with.

    `options_of` gives how a unit's objects say what they want, `body_of` a user's object. `managed_by` names the other
    controller whose object a unit is: it is read and not touched. Without `proposals`, no revert is proposed.
    `deliveries` are those beside that of plain objects, by the name that units give. Without `charts`, a chart must
    bring what it depends on.
    """

    sources: Sources
    credentials: Credentials
    renderer: Renderer
    targets: Targets
    states: States
    values: Values
    reports: Reports
    event_sink: EventSink
    finalizers: Finalizers
    clock: Clock
    fence: Fence
    options_of: Callable[[Unit], OptionsReader]
    body_of: Callable[[ObjectRef], Body | None]
    proposals: Proposals | None = None
    managed_by: Callable[[ObjectRef], str] = lambda ref: ""
    reported_of: Callable[[Unit], Sequence[InventoryEntry]] = lambda unit: ()
    deliveries: Mapping[str, Delivery] = {}
    charts: ChartDependencies | None = None


class Engine:
    """Keeps all declared units true. Construct it with the ports, `start` it, and tell it what happens."""

    def __init__(self, ports: EnginePorts, identity: str, workers: int = WORKERS) -> None:
        """Take the ports; `identity` names this controller in records, `workers` is how many units run at once."""
        self._clock = ports.clock
        self._runtimes: dict[ObjectRef, UnitRuntime] = {}
        self.breaker = Breaker()
        self._unhealthy: set[ObjectRef] = set()
        self._requests: dict[ObjectRef, Request] = {}
        self.registry = Registry()
        self.owners = OwnerIndex()
        self._planned = PlannedRevisions()
        self.source_controller = SourceController(
            ports.sources, ports.credentials, ports.reports, ports.event_sink, ports.clock, self._source_changed
        )
        self.queue: WorkQueue[ObjectRef] = WorkQueue(
            "units", self._reconcile, workers, beside=BESIDE, tenant_of=self._tenant
        )
        self._moved: WorkQueue[ObjectRef] = WorkQueue(
            "moved sources", self._sort, 1, tenant_of=lambda ref: ref.namespace
        )
        self.proposer = (
            Proposer(ports.proposals, self.source_controller, self.registry.get, self._runtimes.get, self.queue.add)
            if ports.proposals is not None
            else None
        )
        self._context = EngineContext(
            sources=ports.sources,
            source_controller=self.source_controller,
            renderer=ports.renderer,
            charts=ports.charts,
            targets=ports.targets,
            deliveries={OBJECTS: ObjectDelivery(ports.targets, ports.options_of), **ports.deliveries},
            states=ports.states,
            values=ports.values,
            reports=ports.reports,
            event_sink=ports.event_sink,
            clock=ports.clock,
            fence=ports.fence,
            finalizers=ports.finalizers,
            owners=self.owners,
            planned=self._planned,
            registry=self.registry,
            runtime_of=self._runtimes.get,
            body_of=ports.body_of,
            managed_by=ports.managed_by,
            reported_of=ports.reported_of,
            notify_dependents=self._notify_dependents,
            requeue=self.queue.add,
            breaker=self.breaker,
            unhealthy=self._unhealthy,
            propose=self.proposer.queue.add if self.proposer else None,
            asked=self._requests.get,
            identity=identity,
        )

    async def start(self) -> None:
        """Begin to work on what was and will be declared.

        Before any unit is reconciled, it is known of all who owns what.
        """
        for number, unit in enumerate(self.registry.all(), 1):
            runtime = self._runtimes[unit.ref]
            if not runtime.loaded:
                load(runtime, self._context, unit)
            if number % LOADED_AT_ONCE == 0:
                await asyncio.sleep(0)
        self.source_controller.start()
        self._moved.start()
        self.queue.start()
        if self.proposer is not None:
            self.proposer.start()

    async def stop(self) -> None:
        """Stop; what is under way is cut off, which every step can bear."""
        await self.source_controller.stop()
        await self._moved.stop()
        await self.queue.stop()
        if self.proposer is not None:
            await self.proposer.stop()

    async def settle(self) -> None:
        """Do now what would be done later: poll every source anew, reconcile every unit; wait until nothing is left.

        Whatever follows from the events so far has happened then.
        """
        for declaration in self.source_controller.declarations():
            self.source_controller.poll_anew(declaration.ref)
        self.source_controller.queue.hasten()
        await self._until_idle()
        self.queue.hasten()
        await self._until_idle()

    async def _until_idle(self) -> None:
        """A queue that is idle may be given work by another one."""
        queues = (self.source_controller.queue, self._moved, self.queue)
        while any(queue.busy for queue in queues):
            for queue in queues:
                await queue.idle()

    # ------------------------------------------------------------------------------------------- declarations

    def declare(self, unit: Unit) -> None:
        """Take a new or changed unit."""
        before = self.registry.put(unit)
        if before is None or before.target.cluster != unit.target.cluster:
            self._context.targets.keep(self.registry.by_cluster.referred())
        if before is not None and before.uid != unit.uid:
            self._forget(unit.ref)
        self._planned.declared(unit)
        if unit.ref not in self._runtimes:
            self._runtimes[unit.ref] = UnitRuntime()
        if before is not None and before.finalized and not unit.finalized:
            # Somebody has removed the finalizer: it is set again.
            self._context.finalizers.forget(unit.ref)
            self.queue.add(unit.ref)
        report = self._runtimes[unit.ref].report
        if before is not None:
            # That the finalizer stands there now is our own doing.
            before = msgspec.structs.replace(before, finalized=unit.finalized)
        if unit.deleting:
            self._runtimes[unit.ref].end_rendering()
        if before != unit or (report is not None and report.phase is UnitPhase.OBSERVED):
            # A unit that is only observed may have been claimed, of which its own value tells nothing.
            self.queue.add(unit.ref)

    def withdraw(self, ref: ObjectRef) -> None:
        """Forget a unit whose object is gone; what it delivered stays, unless its finalizer removed it before."""
        unit = self.registry.remove(ref)
        if unit is None:
            return
        runtime = self._runtimes.get(ref)
        self._context.event_sink.publish(UnitGone(unit, runtime.report if runtime else None, self._clock.wall()))
        self._forget(ref)
        self._context.states.forget(unit)
        self._context.finalizers.forget(ref)
        self.queue.forget(ref)
        self._context.targets.keep(self.registry.by_cluster.referred())
        self._notify_dependents(ref)
        for dependency in unit.depends_on:
            self.queue.add(dependency.ref)

    def _tenant(self, ref: ObjectRef) -> str:
        unit = self.registry.get(ref)
        return unit.tenant if unit is not None else f"{ref.namespace}/"

    def declare_source(self, declaration: SourceDeclaration) -> None:
        """Take a new or changed source."""
        self.source_controller.declare(declaration)

    def withdraw_source(self, ref: ObjectRef) -> None:
        """Forget a source whose object is gone."""
        self.source_controller.remove(ref)
        self._planned.forget_source(ref)

    def _forget(self, ref: ObjectRef) -> None:
        runtime = self._runtimes.pop(ref, None)
        if runtime is not None:
            runtime.end_rendering()
        self.breaker.forget(ref)
        self._requests.pop(ref, None)
        self._unhealthy.discard(ref)
        self._planned.forget(ref)
        if self.proposer is not None:
            self.proposer.forget(ref)
        for other in self.owners.forget(ref):
            self.queue.add(other)

    # ------------------------------------------------------------------------------------------------- events

    def request(self, ref: ObjectRef, request: Request) -> None:
        """Somebody asks that a unit be pinned or released."""
        self._requests[ref] = request
        if self.registry.get(ref) is not None:
            self.queue.add(ref)

    def wakeable(self, group: str, kind: str) -> tuple[ObjectRef, ...]:
        """Give the units and sources of a kind."""
        refs = {unit.ref for unit in self.registry.all()} | {one.ref for one in self.source_controller.declarations()}
        return tuple(sorted(ref for ref in refs if (ref.group, ref.kind) == (group, kind)))

    def requeue(self, ref: ObjectRef) -> None:
        """Somebody outside says that there is something new: poll the source, or reconcile the unit."""
        if self.source_controller.state(ref) is not None:
            self.source_controller.poll_anew(ref)
        elif self.registry.get(ref) is not None:
            self.queue.add(ref)

    def object_changed(self, ref: ObjectRef, cluster: ClusterRef = LOCAL) -> None:
        """A live object has changed, appeared or gone: its owners are reconciled."""
        one = ClusterObject(cluster, ref)
        for unit in {*self.owners.owners(cluster, ref), *self.registry.by_check.units(one)}:
            self.queue.add(unit)
        for unit in self.registry.by_namespace.units(one):
            self._try_again(unit)

    def value_changed(self, ref: ObjectRef) -> None:
        """A Secret or ConfigMap has changed: units that read it are reconciled, sources that use it polled."""
        for unit in self.registry.by_value.units(ref):
            self.queue.add(unit)
        self.source_controller.value_changed(ref)

    def cluster_changed(self, cluster: ClusterRef = LOCAL) -> None:
        """What a cluster serves, or whether it can be reached, has changed: its units are reconciled, without haste."""
        for ref in self.registry.by_cluster.units(cluster):
            if not self._try_again(ref):
                self.queue.add(ref, urgent=False)

    def upstream_changed(self) -> None:
        """Another controller has come or gone: every unit is reconciled, without haste."""
        for cluster in self.registry.by_cluster.referred():
            self.cluster_changed(cluster)

    def _try_again(self, ref: ObjectRef) -> bool:
        """Give a unit whose writes were refused another try at once: what they lacked may be there now."""
        runtime = self._runtimes.get(ref)
        if runtime is None or not runtime.retry_at:
            return False
        runtime.retry_at = 0.0
        self.queue.add(ref)
        return True

    def _source_changed(self, ref: ObjectRef) -> None:
        units = self.registry.by_source.units(ref)
        if len(units) > FEW:
            self._moved.add(ref)
            return
        for unit in units:
            self.queue.add(unit)

    async def _sort(self, ref: ObjectRef) -> None:
        """Queue the many units of a source that has moved, those first that the commit touches."""
        refs, state = self.registry.by_source.units(ref), self.source_controller.state(ref)
        if state is None or state.resolved is None or state.error is not None:
            for one in refs:
                self.queue.add(one)
            return
        units = [unit for unit in map(self.registry.get, refs) if unit is not None]
        context = self._context
        async for unit, touched in touched_first(
            units, state.resolved, context.sources, context.renderer, context.targets
        ):
            self.queue.add(unit.ref, urgent=touched)

    def _notify_dependents(self, ref: ObjectRef) -> None:
        for unit in self.registry.by_dependency.units(ref):
            self.queue.add(unit)

    # ------------------------------------------------------------------------------------------------- passes

    async def _reconcile(self, ref: ObjectRef) -> None:
        unit = self.registry.get(ref)
        runtime = self._runtimes.get(ref)
        if unit is None or runtime is None:
            return
        run = Reconciliation(unit=unit, runtime=runtime, now=self._clock.now())
        if not runtime.loaded:
            load(runtime, self._context, unit)
        try:
            # Whatever is logged while the unit is reconciled says which one.
            with structlog.contextvars.bound_contextvars(unit=str(ref), revision="", sync=""):
                await reconcile(run, self._context)
        except Fenced:
            self.queue.add_after(ref, FENCED_PAUSE)
            return
        if self.registry.get(ref) is not None and run.again_after is not None:
            self.queue.add_after(ref, run.again_after, urgent=run.again_urgent)
