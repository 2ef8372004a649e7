"""From an artifact to the objects a unit wants, with as little work as its content allows.

The unit's inputs are named by content. Where nothing that went in has changed, nothing is rendered: not on a restart,
and not for a commit that touches other units.
"""

from __future__ import annotations

import msgspec

from trueup.core.artifact import Resolved, SourceError
from trueup.core.desired import Complaint, prepare
from trueup.core.objects import digest_of
from trueup.core.recipe import Recipe, RenderContext, RenderError, RenderResult, recipe_digest
from trueup.core.reports import Reason, UnitPhase
from trueup.core.state import Inputs, Pin
from trueup.core.unit import Unit, ValueRef
from trueup.engine.run import Halt, Next, Parts, Rendering, Run

PROBLEMS_SHOWN = 5
PATHS_KEPT = 200


async def find_inputs(run: Run, parts: Parts) -> None:
    """Find what the unit's inputs are now, and render them unless they are those that were applied last."""
    assert run.resolved is not None
    unit, state = run.unit, run.state
    values = await _values(unit, parts)
    spec = spec_digest(unit, _recipe(run), parts)
    applied = state.applied
    if (
        applied is not None
        and state.attempt is None
        and state.held is None
        and state.pin is None
        and run.operation is None
        and applied.same_source(run.resolved.tree, spec, values)
    ):
        run.inputs = applied
        run.declared = run.wanted = run.memory.renderings.get(applied.digest)
        return
    await render_inputs(run, parts, spec, values)
    await _wait(run, parts)


async def _wait(run: Run, parts: Parts) -> None:
    """Stop a unit that would go on and may not yet; one that went back stays there until those that came along go."""
    good = run.state.good
    going = bool(run.unready) and not run.returning and not run.pinned
    run.memory.ahead = going and run.state.held is not None and (run.operation is None or not run.operation.dry_run)
    if not going:
        return
    if not run.memory.ahead or good is None:
        raise Halt(UnitPhase.WAITING, Reason.DEPENDENCY_NOT_READY, run.unready, Next.WAIT)
    run.operation = None
    run.wanted, run.inputs, run.returning = await earlier(run, parts, good), good, True


async def render_again(run: Run, parts: Parts) -> None:
    """Render inputs that `find_inputs` found unchanged, because what lives is not what they gave."""
    assert run.inputs is not None
    await render_inputs(run, parts, run.inputs.spec, run.inputs.values)


async def render_inputs(run: Run, parts: Parts, spec: str, values: str) -> None:
    """Render what Git says now and, where that is held back, the last good inputs; of a pinned unit the pinned ones."""
    assert run.resolved is not None
    state = run.state
    if state.pin is not None:
        await _render_pinned(run, parts, state.pin, spec, values)
        return
    rendering = await _rendering(run, parts, _recipe(run), run.resolved, spec, values)
    run.declared = run.wanted = rendering
    run.inputs = rendering.inputs
    run.complaints = rendering.prepared.warnings
    held, good = state.held, state.good
    if held is None or good is None or not held.holds(rendering.inputs, run.unit.spec_digest):
        return
    if run.operation is not None:
        # Somebody asks for these very inputs by hand: they get another chance.
        return
    run.wanted = await earlier(run, parts, good)
    run.inputs = good
    run.returning = True


async def _render_pinned(run: Run, parts: Parts, pin: Pin, spec: str, values: str) -> None:
    """Render the pinned inputs, and what Git says to show how that differs; Git may say what cannot be rendered."""
    assert run.resolved is not None
    said: list[Complaint] = []
    try:
        run.declared = await _rendering(run, parts, run.unit.recipe, run.resolved, spec, values)
        said.extend(run.declared.prepared.warnings)
    except Halt as halt:
        said.append(Complaint("pinned", f"what Git says now cannot be rendered: {halt.message}"))
    run.wanted = await earlier(run, parts, pin.inputs, exactly=False)
    run.declared = run.declared or run.wanted
    run.inputs = pin.inputs
    run.pinned = True
    if values != pin.inputs.values:
        text = "the values it refers to are those of today: what they were at the pinned deployment is not kept"
        said.append(Complaint("pinned", text))
    elif pin.inputs.objects and run.wanted.prepared.digest != pin.inputs.objects:
        text = "it gives other objects than it did, because the unit's own object has changed since"
        said.append(Complaint("pinned", text))
    run.complaints = tuple(said)


async def earlier(run: Run, parts: Parts, inputs: Inputs, *, exactly: bool = True) -> Rendering:
    """Give what inputs that were delivered before had rendered to. Raises `Halt` where that cannot be had again.

    Values that were referred to are not kept, and neither is what the unit's own object said beside its recipe: where
    another rendering comes of it, these are not the inputs any more, and with `exactly` must not be taken for them.
    """
    known = run.memory.renderings.get(inputs.digest)
    if known is not None:
        return known
    resolved = await _recalled(run, parts, inputs)
    known = await _rendering(run, parts, inputs.recipe or run.unit.recipe, resolved, inputs.spec, inputs.values)
    if exactly and inputs.tree and inputs.objects and known.prepared.digest != inputs.objects:
        text = (
            f"revision {inputs.revision} gives other objects than it did: values it refers to, or the unit's own "
            "object, have changed since; bring those back, or fix the change in Git"
        )
        held = run.state.held
        raise Halt(UnitPhase.HELD if held else UnitPhase.FAILED, Reason.UNHEALTHY, text, Next.WAIT)
    known = msgspec.structs.replace(known, inputs=inputs)
    run.memory.renderings[inputs.digest] = known
    return known


def _recipe(run: Run) -> Recipe:
    """Give how files are read: as the unit says, or as somebody asks for."""
    operation = run.operation
    return run.unit.recipe if operation is None or operation.recipe is None else operation.recipe


def spec_digest(unit: Unit, recipe: Recipe, parts: Parts) -> str:
    """Name all that decides a rendering besides files and values."""
    return digest_of([unit.spec_digest, recipe_digest(recipe, parts.target.capabilities()), parts.renderer.version])


async def _rendering(run: Run, parts: Parts, recipe: Recipe, resolved: Resolved, spec: str, values: str) -> Rendering:
    run.memory.learn(resolved)
    try:
        known = await _known(run, parts, recipe, resolved, spec, values)
        if known is None:
            result = await _render(parts, recipe, resolved)
    except RenderError as error:
        problem = error.problem
        place = f"{problem.origin}: " if problem.origin and str(problem.origin) not in problem.message else ""
        reason = Reason.PATH_ABSENT if problem.code == "path-absent" else Reason.RENDER_FAILED
        step = Next.RETRY if problem.next_step == "retry" else Next.STALL
        raise Halt(UnitPhase.FAILED, reason, place + problem.message, step) from error
    except SourceError as error:
        raise Halt(UnitPhase.FAILED, Reason.SOURCE_FAILED, str(error), Next.RETRY) from error
    lasting = True
    if known is None:
        lasting = not result.uncacheable
        digest = digest_of([spec, result.inputs, values]) if result.inputs else ""
        known = run.memory.renderings.get(digest) or await _prepared(run, parts, result, digest)
    inputs = Inputs(
        digest=known.inputs.digest,
        revision=str(resolved.revision),
        tree=resolved.tree if lasting else "",
        spec=spec,
        values=values,
        objects=known.prepared.digest,
        recipe=recipe,
    )
    rendering = msgspec.structs.replace(known, inputs=inputs)
    run.memory.keep(rendering)
    return rendering


async def _known(
    run: Run, parts: Parts, recipe: Recipe, resolved: Resolved, spec: str, values: str
) -> Rendering | None:
    """Give the unit's own rendering of these inputs, if it is one of those it keeps."""
    context = RenderContext(capabilities=parts.target.capabilities(), tree=await parts.sources.ids(resolved))
    inputs = parts.renderer.recognise(recipe, context)
    return run.memory.renderings.get(digest_of([spec, inputs, values])) if inputs else None


async def _render(parts: Parts, recipe: Recipe, resolved: Resolved) -> RenderResult:
    ids = await parts.sources.ids(resolved)
    context = RenderContext(capabilities=parts.target.capabilities(), tree=ids)
    known = parts.renderer.lookup(recipe, context)
    if known is not None:
        return known
    async with parts.sources.checkout(resolved) as checkout:
        return await parts.renderer.render(recipe, checkout.path, context)


async def _prepared(run: Run, parts: Parts, result: RenderResult, digest: str) -> Rendering:
    kinds = frozenset(
        (str(item.body.get("apiVersion") or "").rpartition("/")[0], str(item.body.get("kind") or ""))
        for item in result.objects
    )
    strangers = frozenset(kind for kind in kinds if parts.target.scope(*kind) is None)
    if strangers:
        await parts.target.learn(strangers)
    prepared = prepare(result, run.unit, parts.options_of(run.unit), parts.target.scope)
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
    return Rendering(Inputs(digest or prepared.digest), prepared, result.recipe, _paths(result))


def _paths(result: RenderResult) -> tuple[str, ...]:
    looked = result.looked_at.get("")
    found = (*looked.files, *looked.directories) if looked is not None else ()
    # A folder that is the whole repository tells nothing apart.
    return found if len(found) <= PATHS_KEPT and not {"", "."} & set(found) else ()


async def _recalled(run: Run, parts: Parts, inputs: Inputs) -> Resolved:
    try:
        return await parts.keeper.recall(run.unit.source, inputs.revision)
    except SourceError as error:
        text = f"revision {inputs.revision}, which was delivered before, cannot be had: {error}"
        raise Halt(UnitPhase.FAILED, Reason.SOURCE_FAILED, text, Next.RETRY) from error


async def _values(unit: Unit, parts: Parts) -> str:
    """Digest the values the unit refers to; empty where it refers to none."""
    refs = [*unit.inputs, *(unit.substitution.sources if unit.substitution else ())]
    if not refs:
        return ""
    return digest_of([await _value(unit, parts, ref) for ref in refs])


async def _value(unit: Unit, parts: Parts, ref: ValueRef) -> list[str]:
    data = await parts.values.read(ref.kind, ref.namespace, ref.name)
    if data is None:
        if ref.optional:
            return []
        text = f"{ref.ref}, to which {unit.ref} refers, does not exist"
        raise Halt(UnitPhase.FAILED, Reason.SUBSTITUTION_FAILED, text, Next.RETRY)
    return [f"{key}={digest_of(value.hex())}" for key, value in sorted(data.items())]
