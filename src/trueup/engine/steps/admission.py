"""The first steps: may this unit be worked on, from which artifact, and is what it depends on ready?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec
import structlog

from trueup.core.model.artifact import Resolved, SourceError
from trueup.core.model.objects import LOCAL, Inventory
from trueup.core.model.recipe import RenderError
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.state import EMPTY_STATE
from trueup.core.model.unit import Dependency, Unit, UnitSource
from trueup.engine.context import EngineContext
from trueup.engine.coordination.health_expressions import check_expressions
from trueup.engine.inputs import claim_early
from trueup.engine.judgement import judge_meanwhile
from trueup.engine.operations import refuse_operation
from trueup.engine.reconciliation import Halt, Located, Next, NotYetKnown, Reconciliation
from trueup.engine.source_controller import SourceState
from trueup.engine.state import change, remember


async def admit(run: Reconciliation, context: EngineContext) -> None:
    """Stop at a unit that is suspended or asks for what cannot be done; claim the others."""
    unit = run.unit
    if unit.suspended:
        await _say_what_is_wanted(run, context)
        raise Halt(UnitPhase.SUSPENDED, Reason.SUSPENDED, "suspended", Next.WAIT)
    if unit.problems:
        raise Halt(UnitPhase.FAILED, Reason.INVALID_SPEC, "; ".join(unit.problems), Next.STALL)
    if unit.delivery not in context.deliveries:
        known = ", ".join(sorted(context.deliveries))
        text = f"it asks to be delivered by {unit.delivery!r}, which is not installed; known are {known}"
        raise Halt(UnitPhase.FAILED, Reason.INVALID_SPEC, text, Next.STALL)
    await check_expressions(run, context)
    if unit.finalizer:
        await context.finalizers.add(unit)
    _take_over(run)
    _leave_cluster(run)
    operation = unit.operation
    if operation is not None and operation.id != run.state.operation:
        run.operation = operation
        run.runtime.retry_at = 0.0
    if unit.requested != run.state.requested:
        run.runtime.retry_at = 0.0
        run.asked_by = unit.requested_by


async def _say_what_is_wanted(run: Reconciliation, context: EngineContext) -> None:
    """Have a suspended unit say which objects it wants: another unit may be about to remove what Git has given to it.

    It writes nothing. Where it cannot be rendered, those who would remove something wait for it.
    """
    states = [context.source_controller.state(one.ref) for one in run.unit.sources]
    located = tuple(
        Located.of(one, state.resolved)
        for one, state in zip(run.unit.sources, states, strict=True)
        if state is not None and state.resolved is not None
    )
    if run.unit.problems or run.unit.deleting or len(located) < len(run.unit.sources):
        return
    run.located = located
    try:
        await claim_early(run, context)
    finally:
        # Its status goes on to show what it was suspended at.
        run.located = ()


def _take_over(run: Reconciliation) -> None:
    """Remember, before anything else of it is, that another controller had delivered this unit."""
    report = run.runtime.report
    observed = report is not None and report.phase is UnitPhase.OBSERVED
    if run.state == EMPTY_STATE and (run.unit.delivered or observed):
        remember(run, msgspec.structs.replace(run.state, taken_over=True))


def _leave_cluster(run: Reconciliation) -> None:
    """Begin anew in the cluster that the unit names now: what it has in another one is not looked for here."""
    state, cluster = run.state, run.unit.target.cluster
    before = state.cluster or LOCAL
    if before == cluster:
        return
    if state.inventory.entries:
        count = len(state.inventory.entries)
        run.runtime.moves.left_behind = f"{count} objects that it delivered to cluster {before} before stay there"
    anew = msgspec.structs.replace(
        state, cluster=cluster, inventory=Inventory(), attempt=None, applied=None, good=None, held=None
    )
    change(run, anew)


async def locate(run: Reconciliation, context: EngineContext) -> None:
    """Find the artifacts: each source's own, or those of the revisions a user asked for."""
    states = [_source_state(run, context, one) for one in run.unit.sources]
    run.source = states[0]
    _answer_request(run, states)
    run.located = await _asked_for(run, context)
    if not run.located:
        pairs = zip(run.sources, states, strict=True)
        run.located = tuple(Located.of(one, _artifact(run, state)) for one, state in pairs)
    structlog.contextvars.bind_contextvars(revision=run.revision)


def _source_state(run: Reconciliation, context: EngineContext, source: UnitSource) -> SourceState:
    state = context.source_controller.state(source.ref)
    if state is None:
        text = f"{source.ref} does not exist; create it, or name another source"
        raise Halt(UnitPhase.WAITING, Reason.SOURCE_MISSING, text, Next.WAIT)
    if not state.polled and _as_reported(run):
        raise NotYetKnown(f"{source.ref} has not been polled yet")
    return state


def _answer_request(run: Reconciliation, states: Sequence[SourceState]) -> None:
    """Take a request by hand for answered once the remotes were asked."""
    unit = run.unit
    if unit.requested == run.state.requested:
        return
    own = [state for state in states if _inside(unit, state)]
    if all(state.handled == state.declaration.requested for state in own):
        held = run.state.held
        if held is not None and held.stopped:
            held = msgspec.structs.replace(held, stopped="")
            run.runtime.retry_at = 0.0
        remember(run, msgspec.structs.replace(run.state, requested=unit.requested, held=held))


def _inside(unit: Unit, state: SourceState) -> bool:
    """Say whether a source stands inside the unit's own object."""
    return state.declaration.uid == unit.uid


async def _asked_for(run: Reconciliation, context: EngineContext) -> tuple[Located, ...]:
    """Give the artifacts at the revisions that somebody asks for by hand; nothing where nobody does."""
    operation, pin = run.operation, run.state.pin
    asked = (operation.revisions or (operation.revision,)) if operation is not None else ()
    if not any(asked):
        return ()
    told = ", ".join(filter(None, asked))
    if pin is not None:
        refuse_operation(run, context, f"revision {told} is not delivered: the unit is {pin.words}")
        return ()
    found = []
    try:
        for one, revision in zip_longest(run.sources, asked[: len(run.sources)], fillvalue=""):
            assert isinstance(one, UnitSource)
            if revision:
                resolved = await context.source_controller.resolve(one.ref, str(revision))
            else:
                resolved = _artifact(run, _source_state(run, context, one))
            found.append(Located.of(one, resolved))
    except SourceError as error:
        refuse_operation(run, context, f"revision {told} is not delivered: {error}")
        return ()
    return tuple(found)


def _artifact(run: Reconciliation, state: SourceState) -> Resolved:
    """Give what a source has now. Raises `Halt` where it has nothing."""
    own, ref = _inside(run.unit, state), state.declaration.ref
    if state.error is not None and (own or state.resolved is None):
        if state.resolved is None:
            phase, reason = (
                (UnitPhase.FAILED, Reason.SOURCE_FAILED) if own else (UnitPhase.WAITING, Reason.SOURCE_NOT_READY)
            )
            text = str(state.error) if own else f"{ref} is not ready: {state.error}"
            raise Halt(phase, reason, text, Next.WAIT)
        run.source_problem = run.source_problem or str(state.error)
    if state.resolved is None:
        problems = "; ".join(state.declaration.problems)
        text = f"{ref} has no artifact yet" + (f": {problems}" if problems else "")
        raise Halt(UnitPhase.WAITING, Reason.SOURCE_NOT_READY, text, Next.WAIT)
    return state.resolved


async def wait_for_dependencies(run: Reconciliation, context: EngineContext) -> None:
    """Stop while a unit this one depends on is not ready, or is ready for another revision of the same source."""
    for dependency in run.unit.depends_on:
        _look_first(run, context, dependency)
        why = await _not_ready(run, context, dependency)
        if why:
            text = f"dependency {dependency.ref.namespace}/{dependency.ref.name} is not ready: {why}"
            if cycle := context.registry.cycle(run.unit.ref):
                text = f"{' → '.join(f'{ref.namespace}/{ref.name}' for ref in cycle)}: these depend on each other"
            if run.state.held is not None or run.state.pin is not None:
                # What goes back, or stays back, was delivered before: it waits for nobody. Whatever else may be found
                # to be wanted does.
                run.unready = text
                return
            if run.state.attempt is not None:
                await judge_meanwhile(run, context)
                run.inputs, run.verdict, run.synced = None, None, False
                if run.state.held is not None:
                    run.unready = text
                    return
            await claim_early(run, context)
            raise Halt(UnitPhase.WAITING, Reason.DEPENDENCY_NOT_READY, text, Next.WAIT)


def _as_reported(run: Reconciliation) -> bool:
    """Whether the unit's object shows what an earlier process found, and nothing was reported since."""
    return run.state.applied is not None and run.runtime.report is None


def _look_first(run: Reconciliation, context: EngineContext, dependency: Dependency) -> None:
    """Raise `NotYetKnown` where a unit has not been reconciled since this process began."""
    runtime = context.runtime_of(dependency.ref)
    unknown = runtime is not None and runtime.report is None
    if unknown and _as_reported(run) and not context.registry.cycle(run.unit.ref):
        raise NotYetKnown(f"{dependency.ref} has not been reconciled yet")


async def _not_ready(run: Reconciliation, context: EngineContext, dependency: Dependency) -> str:
    other = context.registry.get(dependency.ref)
    if other is None:
        return "it does not exist"
    if dependency.expression:
        variables = {"self": context.body_of(run.unit.ref) or {}, "dep": context.body_of(dependency.ref) or {}}
        try:
            passed = await context.renderer.evaluate(dependency.expression, variables)
        except RenderError as error:
            raise Halt(
                UnitPhase.FAILED, Reason.EXPRESSION_INVALID, f"readyExpr: {error.problem.message}", Next.RETRY
            ) from error
        return "" if passed is True else "its readyExpr is not true"
    runtime = context.runtime_of(dependency.ref)
    if runtime is None or not runtime.readiness.ready:
        report = runtime.report if runtime else None
        return report.message if report and report.message else "it was not ready yet"
    for source, revision in run.revisions.items():
        ready = runtime.readiness.revisions.get(source, "")
        if ready != revision and any(one.ref == source for one in other.sources):
            return f"it is ready at {ready or 'no revision'}, not yet at {revision}"
    return ""
