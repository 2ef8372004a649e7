"""Inputs and what they render to: those of now, earlier ones, and pinned ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from trueup.core.model.artifact import SourceError
from trueup.core.model.objects import digest_of
from trueup.core.model.recipe import Capabilities, RenderError, RenderResult, recipe_digest
from trueup.core.model.reports import Reason, UnitPhase
from trueup.core.model.state import Inputs, Pin, SourceInputs
from trueup.core.model.unit import Unit, ValueRef
from trueup.core.plan.desired import Diagnostic
from trueup.core.ports import Unreachable
from trueup.core.substitution import FAILED, UNSET, substituted
from trueup.engine.context import EngineContext
from trueup.engine.planning import want_what_it_has
from trueup.engine.reconciliation import Halt, Located, Next, NotYetKnown, Reconciliation
from trueup.engine.rendering import complete_recipes, recognise_sources, render_sources
from trueup.engine.runtime import Rendering

PROBLEMS_SHOWN = 5


PATHS_KEPT = 200
_REASONS = {
    "path-absent": Reason.PATH_ABSENT,
    UNSET: Reason.SUBSTITUTION_FAILED,
    FAILED: Reason.SUBSTITUTION_FAILED,
}


async def render_again(run: Reconciliation, context: EngineContext) -> None:
    """Render inputs that `find_inputs` found unchanged, because what lives is not what they gave."""
    assert run.inputs is not None
    await render_inputs(run, context, run.inputs.spec, run.inputs.values)


async def render_inputs(run: Reconciliation, context: EngineContext, spec: str, values: str) -> None:
    """Render what Git says now and, where that is held back, the last good inputs; of a pinned unit the pinned ones."""
    state = run.state
    if state.pin is not None:
        await _render_pinned(run, context, state.pin, spec, values)
        return
    rendering = await _rendering(run, context, run.located, spec, values)
    run.declared = run.wanted = rendering
    run.inputs = rendering.inputs
    run.diagnostics = rendering.diagnostics
    held, good = state.held, state.good
    if held is None or good is None or not held.holds(rendering.inputs, run.unit.spec_digest):
        return
    if run.operation is not None:
        # Somebody asks for these very inputs by hand: they get another chance.
        return
    run.wanted = await earlier(run, context, good)
    run.inputs = good
    run.returning = True


async def _render_pinned(run: Reconciliation, context: EngineContext, pin: Pin, spec: str, values: str) -> None:
    """Render the pinned inputs, and what Git says to show how that differs; Git may say what cannot be rendered."""
    said: list[Diagnostic] = []
    try:
        run.declared = await _rendering(run, context, run.located, spec, values)
        said.extend(run.declared.diagnostics)
    except Halt as halt:
        said.append(Diagnostic("pinned", f"what Git says now cannot be rendered: {halt.message}"))
    run.wanted = await earlier(run, context, pin.inputs, exactly=False)
    run.declared = run.declared or run.wanted
    run.inputs = pin.inputs
    run.pinned = True
    if values != pin.inputs.values:
        text = "the values it refers to are those of today: what they were at the pinned deployment is not kept"
        said.append(Diagnostic("pinned", text))
    elif pin.inputs.objects and run.wanted.prepared.digest != pin.inputs.objects:
        text = "it gives other objects than it did, because the unit's own object has changed since"
        said.append(Diagnostic("pinned", text))
    run.diagnostics = tuple(said)


async def earlier(run: Reconciliation, context: EngineContext, inputs: Inputs, *, exactly: bool = True) -> Rendering:
    """Give what inputs that were delivered before had rendered to. Raises `Halt` where that cannot be had again.

    Values that were referred to are not kept, and neither is what the unit's own object said beside its recipe: where
    another rendering comes of it, these are not the inputs any more, and with `exactly` must not be taken for them.
    """
    known = run.runtime.renders.by_inputs.get(inputs.digest)
    if known is not None:
        return known
    located = await _recalled(run, context, inputs)
    known = await _rendering(run, context, located, inputs.spec, inputs.values)
    if exactly and inputs.tree and inputs.objects and known.prepared.digest != inputs.objects:
        text = (
            f"revision {inputs.words} gives other objects than it did: values it refers to, or the unit's own "
            "object, have changed since; bring those back, or fix the change in Git"
        )
        held = run.state.held
        raise Halt(UnitPhase.HELD if held else UnitPhase.FAILED, Reason.UNHEALTHY, text, Next.WAIT)
    known = msgspec.structs.replace(known, inputs=inputs)
    run.runtime.renders.by_inputs[inputs.digest] = known
    return known


def trees_of(run: Reconciliation) -> tuple[str, ...]:
    """Give the trees of all sources, as they are now."""
    return tuple(one.resolved.tree for one in run.located)


def moved_on(inputs: Inputs, located: Sequence[Located]) -> Inputs:
    """Give inputs whose content has stayed the same, at the revisions and trees of now."""
    if not located:
        return inputs
    first, *others = located
    pairs = zip(inputs.others, others, strict=True)
    return msgspec.structs.replace(
        inputs,
        revision=str(first.resolved.revision),
        tree=first.resolved.tree,
        others=tuple(
            msgspec.structs.replace(one, revision=str(now.resolved.revision), tree=now.resolved.tree)
            for one, now in pairs
        ),
    )


def spec_digest(unit: Unit, located: Sequence[Located], context: EngineContext) -> str:
    """Name all that decides a rendering besides files and values."""
    capabilities = context.capabilities(unit)
    first, *others = (_reading(one, capabilities) for one in located)
    # A unit of one source has the digest that it had when there could be no other.
    return digest_of([unit.spec_digest, [first, *others] if others else first[1], context.renderer.version])


def _reading(one: Located, capabilities: Capabilities) -> list[object]:
    """Name how a source is read, but for what its own files say of that."""
    recipe = one.recipe and recipe_digest(one.recipe, capabilities)
    if one.late is None or not (one.late.by_revision or one.late.by_cluster):
        return [one.name, recipe]
    revision = one.resolved.revision.id if one.late.by_revision else ""
    cluster = msgspec.to_builtins(capabilities) if one.late.by_cluster else None
    return [one.name, [recipe, revision, cluster]]


async def claim_early(run: Reconciliation, context: EngineContext) -> None:
    """Have a unit that waits for others say already which objects it wants, so that nobody removes them meanwhile.

    Where it cannot be rendered yet, nobody knows: those who would remove something go on waiting.
    """
    if not run.located or context.planned.of(run.unit.ref) == run.revisions:
        return
    try:
        values = await values_digest(run.unit, context)
        spec = spec_digest(run.unit, run.located, context)
        applied = run.state.applied
        if applied is not None and applied.same_source(trees_of(run), spec, values):
            want_what_it_has(run, context)
            context.planned.note(run.unit.ref, run.revisions)
            return
        found = await _rendering(run, context, run.located, spec, values)
    except (Halt, Unreachable):
        return
    own = {entry.ref: "" for entry in run.state.inventory.entries}
    wanted = {item.ref: item.content for item in found.prepared.desired}
    for other in context.owners.want(run.unit.ref, run.unit.target.cluster, {**own, **wanted}):
        context.requeue(other)
    context.planned.note(run.unit.ref, run.revisions)


async def _rendered(run: Reconciliation, context: EngineContext, located: Sequence[Located]) -> RenderResult:
    """Render, until the unit is deleted. Raises `NotYetKnown` then, and what `render_sources` raises."""
    task = run.runtime.rendering = asyncio.create_task(render_sources(run.unit, context, located))
    try:
        return await task
    except asyncio.CancelledError:
        own = asyncio.current_task()
        if own is None or own.cancelling() or not task.cancelled():
            raise
        raise NotYetKnown(f"{run.unit.ref} is being deleted, and its render was ended") from None
    finally:
        run.runtime.rendering = None


async def _rendering(
    run: Reconciliation, context: EngineContext, located: Sequence[Located], spec: str, values: str
) -> Rendering:
    for one in located:
        run.runtime.renders.learn(one.resolved)
    try:
        complete = await complete_recipes(run, context, located)
        located = complete.located
        known = await _known(run, context, located, spec, values)
        if known is None:
            result = await _rendered(run, context, located)
            result = await substituted(run.unit, result, context.values, context.renderer)
    except RenderError as error:
        problem = error.problem
        place = f"{problem.origin}: " if problem.origin and str(problem.origin) not in problem.message else ""
        reason = _REASONS.get(problem.code, Reason.RENDER_FAILED)
        step = Next.RETRY if problem.next_step == "retry" else Next.STALL
        raise Halt(UnitPhase.FAILED, reason, place + problem.message, step) from error
    except SourceError as error:
        raise Halt(UnitPhase.FAILED, Reason.SOURCE_FAILED, str(error), Next.RETRY) from error
    lasting = complete.lasting
    if known is None:
        lasting = lasting and not result.uncacheable
        digest = digest_of([spec, result.inputs, values]) if result.inputs else ""
        known = run.runtime.renders.by_inputs.get(digest) or await _prepared(run, context, result, digest)
    first, *others = located
    inputs = Inputs(
        digest=known.inputs.digest,
        revision=str(first.resolved.revision),
        tree=first.resolved.tree if lasting else "",
        spec=spec,
        values=values,
        objects=known.prepared.digest,
        recipe=first.recipe,
        name=first.name,
        others=tuple(
            SourceInputs(one.ref, str(one.resolved.revision), one.resolved.tree, one.name, one.recipe) for one in others
        ),
    )
    rendering = msgspec.structs.replace(known, inputs=inputs, said=complete.warnings)
    run.runtime.renders.keep(rendering, run.state)
    return rendering


async def _known(
    run: Reconciliation, context: EngineContext, located: Sequence[Located], spec: str, values: str
) -> Rendering | None:
    """Give the unit's own rendering of these inputs, if it is one of those it keeps."""
    inputs = await recognise_sources(run.unit, context, located)
    return run.runtime.renders.by_inputs.get(digest_of([spec, inputs, values])) if inputs else None


async def _prepared(run: Reconciliation, context: EngineContext, result: RenderResult, digest: str) -> Rendering:
    prepared = await context.delivery(run.unit).want(run.unit, result)
    if prepared.problems:
        shown = [
            f"{item.origin}: {item.message}" if item.origin else item.message
            for item in prepared.problems[:PROBLEMS_SHOWN]
        ]
        more = len(prepared.problems) - len(shown)
        text = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
        raise Halt(UnitPhase.FAILED, Reason.RENDER_FAILED, text, Next.STALL)
    if prepared.hooks:
        names = ", ".join(str(ref) for ref in prepared.hooks[:PROBLEMS_SHOWN])
        text = (
            f"hooks are not run yet, so nothing is applied: {names}; remove the hooks, or deliver them as plain objects"
        )
        raise Halt(UnitPhase.FAILED, Reason.INVALID_SPEC, text, Next.STALL)
    return Rendering(Inputs(digest or prepared.digest), prepared, result.recipe, _paths(result), result.recipes)


def _paths(result: RenderResult) -> tuple[str, ...]:
    looked = result.input_paths.get("")
    found = (*looked.files, *looked.directories) if looked is not None else ()
    # A folder that is the whole repository tells nothing apart.
    return found if len(found) <= PATHS_KEPT and not {"", "."} & set(found) else ()


async def _recalled(run: Reconciliation, context: EngineContext, inputs: Inputs) -> tuple[Located, ...]:
    """Give the sources as they were when these inputs were delivered. Raises `Halt` where one cannot be had again."""
    # What was stored before recipes were had one source only.
    recipe = inputs.recipe if inputs.recipe is not None or inputs.others else run.unit.recipe
    first = SourceInputs(run.unit.source, inputs.revision, inputs.tree, inputs.name, recipe)
    found = []
    for one in (first, *inputs.others):
        try:
            resolved = await context.source_controller.recall(one.source, one.revision)
        except SourceError as error:
            text = f"revision {one.revision}, which was delivered before, cannot be had: {error}"
            raise Halt(UnitPhase.FAILED, Reason.SOURCE_FAILED, text, Next.RETRY) from error
        found.append(Located(one.source, resolved, one.recipe, one.name))
    return tuple(found)


async def values_digest(unit: Unit, context: EngineContext) -> str:
    """Digest the values the unit refers to; empty where it refers to none."""
    refs = [*unit.inputs, *(unit.substitution.sources if unit.substitution else ())]
    if not refs:
        return ""
    return digest_of([await _value(unit, context, ref) for ref in refs])


async def _value(unit: Unit, context: EngineContext, ref: ValueRef) -> list[str]:
    data = await context.values.read(ref.kind, ref.namespace, ref.name)
    if data is None:
        if ref.optional:
            return []
        if unit.decryption is not None and unit.decryption.secret == ref.ref[2:]:
            text = f"{ref.ref}, whose keys decrypt what {unit.ref} delivers, does not exist; create it"
            raise Halt(UnitPhase.FAILED, Reason.RENDER_FAILED, text, Next.RETRY)
        text = f"{ref.ref}, to which {unit.ref} refers, does not exist; create it, or mark it as optional there"
        raise Halt(UnitPhase.FAILED, Reason.SUBSTITUTION_FAILED, text, Next.RETRY)
    return [f"{key}={digest_of(value.hex())}" for key, value in sorted(data.items())]
