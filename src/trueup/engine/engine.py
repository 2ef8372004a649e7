"""The engine: takes declarations and events in, and has a unit looked at when something that concerns it changed.

It never asks the clock whether anything changed. What may concern a unit: its own object, its source, a unit it depends
on, a value it refers to, a live object it owns, another unit that wants the same object.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from trueup.core.desired import OptionsReader
from trueup.core.events import UnitGone
from trueup.core.objects import Body, ObjectRef
from trueup.core.pinning import Request
from trueup.core.ports import (
    Claims,
    Clock,
    Credentials,
    Fence,
    Fenced,
    Journal,
    Proposals,
    Renderer,
    Reports,
    Sources,
    States,
    Target,
    Values,
)
from trueup.core.reports import UnitPhase
from trueup.core.unit import SourceDeclaration, Unit
from trueup.engine.breaker import Breaker
from trueup.engine.owners import OwnerIndex
from trueup.engine.precedence import FEW, touched_first
from trueup.engine.proposing import Proposer
from trueup.engine.reconciler import load, reconcile
from trueup.engine.registry import Registry
from trueup.engine.run import Memory, Parts, Run
from trueup.engine.sources import SourceKeeper
from trueup.workqueue import WorkQueue

log = structlog.get_logger(__name__)

WORKERS = 16
FENCED_PAUSE = 2.0


class Engine:
    """Keeps all declared units true. Construct it with the ports, `start` it, and tell it what happens."""

    def __init__(
        self,
        *,
        sources: Sources,
        credentials: Credentials,
        renderer: Renderer,
        target: Target,
        states: States,
        values: Values,
        reports: Reports,
        journal: Journal,
        claims: Claims,
        clock: Clock,
        fence: Fence,
        options_of: Callable[[Unit], OptionsReader],
        body_of: Callable[[ObjectRef], Body | None],
        identity: str,
        proposals: Proposals | None = None,
        occupied: Callable[[ObjectRef], str] = lambda ref: "",
        workers: int = WORKERS,
    ) -> None:
        """Take the ports; `identity` names this controller in records, `workers` is how many units run at once.

        `occupied` names the other controller whose object a unit is; such a unit is looked at and not touched.
        """
        self._clock = clock
        self._memories: dict[ObjectRef, Memory] = {}
        self.breaker = Breaker()
        self._culprits: set[ObjectRef] = set()
        self._requests: dict[ObjectRef, Request] = {}
        self.registry = Registry()
        self.owners = OwnerIndex()
        self.keeper = SourceKeeper(sources, credentials, reports, journal, clock, self._source_changed)
        self.queue: WorkQueue[ObjectRef] = WorkQueue("units", self._pass, workers)
        self._moved: WorkQueue[ObjectRef] = WorkQueue("moved sources", self._sort, 1)
        self.proposer = (
            Proposer(proposals, self.keeper, self.registry.get, self._memories.get, self.queue.add)
            if proposals is not None
            else None
        )
        self._parts = Parts(
            sources=sources,
            keeper=self.keeper,
            renderer=renderer,
            target=target,
            states=states,
            values=values,
            reports=reports,
            journal=journal,
            clock=clock,
            fence=fence,
            claims=claims,
            owners=self.owners,
            registry=self.registry,
            options_of=options_of,
            memory_of=self._memories.get,
            body_of=body_of,
            occupied=occupied,
            announce=self._announced,
            wake=self.queue.add,
            breaker=self.breaker,
            culprits=self._culprits,
            propose=self.proposer.queue.add if self.proposer else None,
            asked=self._requests.get,
            identity=identity,
        )

    async def start(self) -> None:
        """Begin to work on what was and will be declared."""
        self.keeper.start()
        self._moved.start()
        self.queue.start()
        if self.proposer is not None:
            self.proposer.start()

    async def stop(self) -> None:
        """Stop; what is under way is cut off, which every step can bear."""
        await self.keeper.stop()
        await self._moved.stop()
        await self.queue.stop()
        if self.proposer is not None:
            await self.proposer.stop()

    # ------------------------------------------------------------------------------------------- declarations

    def declare(self, unit: Unit) -> None:
        """Take a new or changed unit."""
        before = self.registry.put(unit)
        if before is not None and before.uid != unit.uid:
            self._forget(unit.ref)
        if unit.ref not in self._memories:
            self._memories[unit.ref] = Memory()
        report = self._memories[unit.ref].report
        if before != unit or (report is not None and report.phase is UnitPhase.OBSERVED):
            # A unit that is only observed may have been claimed, of which its own value tells nothing.
            self.queue.add(unit.ref)

    def withdraw(self, ref: ObjectRef) -> None:
        """Forget a unit whose object is gone; what it delivered stays, unless its finalizer removed it before."""
        unit = self.registry.remove(ref)
        if unit is None:
            return
        memory = self._memories.get(ref)
        self._parts.journal.note(UnitGone(unit, memory.report if memory else None, self._clock.wall()))
        self._forget(ref)
        self.queue.forget(ref)
        self._announced(ref)
        for dependency in unit.depends_on:
            self.queue.add(dependency.ref)

    def declare_source(self, declaration: SourceDeclaration) -> None:
        """Take a new or changed source."""
        self.keeper.declare(declaration)

    def withdraw_source(self, ref: ObjectRef) -> None:
        """Forget a source whose object is gone."""
        self.keeper.remove(ref)

    def _forget(self, ref: ObjectRef) -> None:
        self._memories.pop(ref, None)
        self.breaker.forget(ref)
        self._requests.pop(ref, None)
        self._culprits.discard(ref)
        if self.proposer is not None:
            self.proposer.forget(ref)
        for other in self.owners.want(ref, {}):
            self.queue.add(other)

    # ------------------------------------------------------------------------------------------------- events

    def asked(self, ref: ObjectRef, request: Request) -> None:
        """Somebody asks that a unit be pinned or released."""
        self._requests[ref] = request
        if self.registry.get(ref) is not None:
            self.queue.add(ref)

    def wakeable(self, group: str, kind: str) -> tuple[ObjectRef, ...]:
        """Give the units and sources of a kind."""
        refs = {unit.ref for unit in self.registry.all()} | {one.ref for one in self.keeper.declarations()}
        return tuple(sorted(ref for ref in refs if (ref.group, ref.kind) == (group, kind)))

    def wake(self, ref: ObjectRef) -> None:
        """Somebody outside says that there is something new: poll the source, or look at the unit."""
        if self.keeper.state(ref) is not None:
            self.keeper.poll_anew(ref)
        elif self.registry.get(ref) is not None:
            self.queue.add(ref)

    def object_changed(self, ref: ObjectRef) -> None:
        """A live object has changed, appeared or gone: its owners look at it."""
        for unit in {*self.owners.owners(ref), *self.registry.by_check.units(ref)}:
            self.queue.add(unit)
        for unit in self.registry.by_namespace.units(ref):
            self._try_again(unit)

    def value_changed(self, ref: ObjectRef) -> None:
        """A Secret or ConfigMap has changed: units that read it look again, sources that use it poll again."""
        for unit in self.registry.by_value.units(ref):
            self.queue.add(unit)
        self.keeper.value_changed(ref)

    def cluster_changed(self) -> None:
        """What the cluster serves has changed: every unit looks again, without haste."""
        for unit in self.registry.all():
            if not self._try_again(unit.ref):
                self.queue.add(unit.ref, urgent=False)

    def _try_again(self, ref: ObjectRef) -> bool:
        """Give a unit whose writes were refused another try at once: what they lacked may be there now."""
        memory = self._memories.get(ref)
        if memory is None or not memory.retry_at:
            return False
        memory.retry_at = 0.0
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
        refs, state = self.registry.by_source.units(ref), self.keeper.state(ref)
        if state is None or state.resolved is None or state.error is not None:
            for one in refs:
                self.queue.add(one)
            return
        units = [unit for unit in map(self.registry.get, refs) if unit is not None]
        parts = self._parts
        async for unit, touched in touched_first(units, state.resolved, parts.sources, parts.renderer, parts.target):
            self.queue.add(unit.ref, urgent=touched)

    def _announced(self, ref: ObjectRef) -> None:
        for unit in self.registry.by_dependency.units(ref):
            self.queue.add(unit)

    # ------------------------------------------------------------------------------------------------- passes

    async def _pass(self, ref: ObjectRef) -> None:
        unit = self.registry.get(ref)
        memory = self._memories.get(ref)
        if unit is None or memory is None:
            return
        run = Run(unit=unit, memory=memory, now=self._clock.now())
        if not memory.loaded:
            load(memory, self._parts, run)
        try:
            # Whatever is logged while the unit is looked at says which one.
            with structlog.contextvars.bound_contextvars(unit=str(ref), revision="", sync=""):
                await reconcile(run, self._parts)
        except Fenced:
            self.queue.add_after(ref, FENCED_PAUSE)
            return
        if self.registry.get(ref) is not None and run.again_after is not None:
            self.queue.add_after(ref, run.again_after)
