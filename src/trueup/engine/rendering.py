"""Rendering a unit's sources: each by its own recipe, all together what the unit wants.

Sources that have a name are further roots of every render, so that the others can refer to their files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import msgspec

from trueup.core.model.objects import digest_of
from trueup.core.model.recipe import Recipe, RenderContext, RenderResult, TreeIds
from trueup.core.model.unit import Unit
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Located


async def recognise_sources(unit: Unit, context: EngineContext, located: Sequence[Located]) -> str:
    """Name the inputs of all renders where their results are known already; empty: render.

    Raises `SourceError`, `Unreachable`.
    """
    trees = await _trees(context, located)
    found = []
    for one, recipe in _rendered(located):
        inputs = context.renderer.recognise(recipe, _context(unit, context, one, located, trees))
        if not inputs:
            return ""
        found.append(inputs)
    return _together(found)


async def render_sources(unit: Unit, context: EngineContext, located: Sequence[Located]) -> RenderResult:
    """Render all sources, or give what is known. Raises `RenderError`, `SourceError`, `Unreachable`."""
    trees = await _trees(context, located)
    results: dict[int, RenderResult] = {}
    missing: list[tuple[int, Located, Recipe, RenderContext]] = []
    for number, (one, recipe) in enumerate(_rendered(located)):
        render_context = _context(unit, context, one, located, trees)
        known = context.renderer.lookup(recipe, render_context)
        if known is not None:
            results[number] = known
        else:
            missing.append((number, one, recipe, render_context))
    if missing:
        async with AsyncExitStack() as stack:
            needed = {one.ref: one for _, one, _, _ in missing} | {one.ref: one for one in located if one.name}
            folders = {
                ref: (await stack.enter_async_context(context.sources.checkout(one.resolved))).path
                for ref, one in needed.items()
            }
            roots = {one.name: str(folders[one.ref].__fspath__()) for one in located if one.name}
            for number, one, recipe, render_context in missing:
                around = {name: folder for name, folder in roots.items() if name in render_context.roots}
                render_context = msgspec.structs.replace(render_context, roots=around)
                results[number] = await context.renderer.render(recipe, folders[one.ref], render_context)
    return _merged([results[number] for number in sorted(results)])


def _rendered(located: Sequence[Located]) -> list[tuple[Located, Recipe]]:
    return [(one, one.recipe) for one in located if one.recipe is not None]


async def _trees(context: EngineContext, located: Sequence[Located]) -> list[TreeIds]:
    return [await context.sources.ids(one.resolved) for one in located]


def _context(
    unit: Unit, context: EngineContext, one: Located, located: Sequence[Located], trees: Sequence[TreeIds]
) -> RenderContext:
    """Give what the render of one source may use: its own tree, and those of all that have a name."""
    pairs = list(zip(located, trees, strict=True))
    named: Mapping[str, TreeIds] = {other.name: tree for other, tree in pairs if other.name}
    return RenderContext(
        capabilities=context.capabilities(unit),
        tree=next(tree for other, tree in pairs if other is one),
        roots=dict.fromkeys(named, ""),
        root_trees=dict(named),
        unit=str(unit.ref),
        tenant=unit.tenant,
    )


def _merged(results: Sequence[RenderResult]) -> RenderResult:
    """Put the results of several sources together, in their order; the last of an object that is there twice wins."""
    if len(results) == 1:
        return results[0]
    first = results[0]
    return RenderResult(
        objects=tuple(item for result in results for item in result.objects),
        # Only the first source's paths are told: those of another would be taken for its own.
        looked_at={"": first.looked_at[""]} if "" in first.looked_at else {},
        recipe=first.recipe,
        renderer=first.renderer,
        warnings=tuple(warning for result in results for warning in result.warnings),
        uncacheable=tuple(dict.fromkeys(name for result in results for name in result.uncacheable)),
        inputs=_together([result.inputs for result in results]),
    )


def _together(inputs: Sequence[str]) -> str:
    if not all(inputs):
        return ""
    return inputs[0] if len(inputs) == 1 else digest_of(list(inputs))
