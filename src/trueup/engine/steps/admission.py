"""The first steps: may this unit be worked on, from which artifact, and is what it depends on ready?"""

from __future__ import annotations

import msgspec
import structlog

from trueup.core.artifact import GitRef, SourceError
from trueup.core.recipe import RenderError
from trueup.core.reports import Reason, UnitPhase
from trueup.core.state import EMPTY_STATE
from trueup.core.unit import Dependency
from trueup.engine.run import Halt, Next, Parts, Run
from trueup.engine.steps.heeding import refuse_operation
from trueup.engine.steps.judging import judge_meanwhile


async def admit(run: Run, parts: Parts) -> None:
    """Stop at a unit that is suspended or asks for what cannot be done; claim the others."""
    unit = run.unit
    if unit.suspended:
        raise Halt(UnitPhase.SUSPENDED, Reason.SUSPENDED, "suspended", Next.WAIT)
    if unit.problems:
        raise Halt(UnitPhase.FAILED, Reason.INVALID_SPEC, "; ".join(unit.problems), Next.STALL)
    if unit.finalizer:
        await parts.claims.claim(unit)
    _take_over(run)
    operation = unit.operation
    if operation is not None and operation.id != run.state.operation:
        run.operation = operation
        run.memory.retry_at = 0.0
    if unit.requested != run.state.requested:
        run.memory.retry_at = 0.0
        run.asked_by = unit.requested_by


def _take_over(run: Run) -> None:
    """Remember, before anything else of it is, that another controller had delivered this unit."""
    report = run.memory.report
    observed = report is not None and report.phase is UnitPhase.OBSERVED
    if run.state == EMPTY_STATE and (run.unit.delivered or observed):
        run.memory.state = msgspec.structs.replace(run.state, taken_over=True)


async def locate(run: Run, parts: Parts) -> None:
    """Find the artifact: the source's own, or that of the revision a user asked for."""
    unit = run.unit
    state = parts.keeper.state(unit.source)
    if state is None:
        text = f"{unit.source} does not exist; create it, or name another source"
        raise Halt(UnitPhase.WAITING, Reason.SOURCE_MISSING, text, Next.WAIT)
    run.source = state
    own = unit.source == unit.ref
    if unit.requested != run.state.requested and (not own or state.handled == state.declaration.requested):
        # A request by hand counts as answered once the remote was asked.
        held = run.state.held
        if held is not None and held.stopped:
            held = msgspec.structs.replace(held, stopped="")
            run.memory.retry_at = 0.0
        run.memory.state = msgspec.structs.replace(run.state, requested=unit.requested, held=held)
    operation, pin = run.operation, run.state.pin
    if operation is not None and operation.revision and pin is not None:
        refuse_operation(run, parts, f"revision {operation.revision} is not delivered: the unit is {pin.words}")
    elif operation is not None and operation.revision:
        try:
            run.resolved = await parts.keeper.resolve(unit.source, GitRef(revision=operation.revision))
            return
        except SourceError as error:
            refuse_operation(run, parts, f"revision {operation.revision} is not delivered: {error}")
    if state.error is not None and (own or state.resolved is None):
        if state.resolved is None:
            phase, reason = (
                (UnitPhase.FAILED, Reason.SOURCE_FAILED) if own else (UnitPhase.WAITING, Reason.SOURCE_NOT_READY)
            )
            text = str(state.error) if own else f"{unit.source} is not ready: {state.error}"
            raise Halt(phase, reason, text, Next.WAIT)
        run.source_problem = str(state.error)
    if state.resolved is None:
        problems = "; ".join(state.declaration.problems)
        text = f"{unit.source} has no artifact yet" + (f": {problems}" if problems else "")
        raise Halt(UnitPhase.WAITING, Reason.SOURCE_NOT_READY, text, Next.WAIT)
    run.resolved = state.resolved
    structlog.contextvars.bind_contextvars(revision=run.revision)


async def wait_for_dependencies(run: Run, parts: Parts) -> None:
    """Stop while a unit this one depends on is not ready, or is ready for another revision of the same source."""
    for dependency in run.unit.depends_on:
        why = await _not_ready(run, parts, dependency)
        if why:
            text = f"dependency {dependency.ref.namespace}/{dependency.ref.name} is not ready: {why}"
            if run.state.held is not None or run.state.pin is not None:
                # What goes back, or stays back, was delivered before: it waits for nobody. Whatever else may be found
                # to be wanted does.
                run.unready = text
                return
            if run.state.attempt is not None:
                await judge_meanwhile(run, parts)
                run.inputs, run.verdict, run.synced = None, None, False
                if run.state.held is not None:
                    run.unready = text
                    return
            raise Halt(UnitPhase.WAITING, Reason.DEPENDENCY_NOT_READY, text, Next.WAIT)


async def _not_ready(run: Run, parts: Parts, dependency: Dependency) -> str:
    other = parts.registry.get(dependency.ref)
    if other is None:
        return "it does not exist"
    if dependency.expression:
        variables = {"self": parts.body_of(run.unit.ref) or {}, "dep": parts.body_of(dependency.ref) or {}}
        try:
            passed = await parts.renderer.evaluate(dependency.expression, variables)
        except RenderError as error:
            raise Halt(
                UnitPhase.FAILED, Reason.EXPRESSION_INVALID, f"readyExpr: {error.problem.message}", Next.RETRY
            ) from error
        return "" if passed is True else "its readyExpr is not true"
    memory = parts.memory_of(dependency.ref)
    if memory is None or not memory.ready:
        report = memory.report if memory else None
        return report.message if report and report.message else "it was not ready yet"
    if other.source == run.unit.source and memory.ready_revision != run.revision:
        return f"it is ready at {memory.ready_revision or 'no revision'}, not yet at {run.revision}"
    return ""
