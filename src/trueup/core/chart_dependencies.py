"""Rendering charts that depend on others which they do not bring: those are fetched, and stand in further roots."""

from __future__ import annotations

from contextlib import AsyncExitStack
from os import PathLike

import msgspec

from trueup.core.model.artifact import SourceError
from trueup.core.model.recipe import Recipe, RenderContext, RenderError, RenderResult
from trueup.core.model.unit import Unit
from trueup.core.ports import ChartDependencies, Renderer, Sources, dependency_root

LEVELS = 5
"""How deep charts that were fetched may depend on charts that are to be fetched."""


class ChartRendering(msgspec.Struct, frozen=True):
    """What renders, what holds fetched files, and what fetches charts (`None`: charts bring what they depend on)."""

    renderer: Renderer
    sources: Sources
    charts: ChartDependencies | None


async def render_with_charts(
    unit: Unit, parts: ChartRendering, recipe: Recipe, folder: PathLike[str], context: RenderContext
) -> RenderResult:
    """Render; what a chart lacks is fetched, and what that lacks in its turn. Raises `RenderError`, `SourceError`."""
    async with AsyncExitStack() as stack:
        for _ in range(LEVELS):
            try:
                return await parts.renderer.render(recipe, folder, context)
            except RenderError as error:
                if parts.charts is None or not error.problem.missing:
                    raise
                problem = error.problem
            try:
                fetched = await parts.charts.fetch(unit, problem.missing)
            except SourceError as error:
                raise SourceError(error.fault, f"{problem.message}; {error}") from error
            roots, trees = dict(context.roots), dict(context.root_trees)
            for one, resolved in zip(problem.missing, fetched, strict=True):
                name = dependency_root(one)
                held = await stack.enter_async_context(parts.sources.checkout(resolved))
                roots[name] = held.path.__fspath__()
                trees[name] = await parts.sources.ids(resolved)
            context = msgspec.structs.replace(context, roots=roots, root_trees=trees)
        return await parts.renderer.render(recipe, folder, context)
