"""Rendering a unit's sources: each by its own recipe, all together what the unit wants.

Sources that have a name are further roots of every render, so that the others can refer to their files. A recipe that
files of its source change is completed first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from trueup.core.chart_dependencies import ChartRendering, render_with_charts
from trueup.core.decryption import Keys, keys_for
from trueup.core.model.artifact import Resolved
from trueup.core.model.objects import digest_of
from trueup.core.model.recipe import Origin, Recipe, RenderContext, RenderError, RenderProblem, RenderResult, TreeIds
from trueup.core.model.unit import CompleteRecipe, LateRecipe, RevisionFacts, Unit
from trueup.engine.context import EngineContext
from trueup.engine.reconciliation import Located, Reconciliation

LARGEST_FILE = 1 << 20
"""Bytes of a file that changes a recipe."""


class Complete(msgspec.Struct, frozen=True):
    """Sources whose recipes are complete, what people should know of them, and whether their files vouch for them."""

    located: tuple[Located, ...]
    warnings: tuple[str, ...] = ()
    lasting: bool = True


async def complete_recipes(run: Reconciliation, context: EngineContext, located: Sequence[Located]) -> Complete:
    """Complete the recipes that depend on files of their sources, or on revisions.

    Raises `RenderError`, `SourceError`, `Unreachable`.
    """
    found, warnings, lasting = list[Located](), list[str](), True
    read: dict[str, bytes] = {}
    for one in located:
        if one.late is None:
            found.append(one)
            continue
        made = await _complete(run, context, one, one.late, read)
        found.append(msgspec.structs.replace(one, recipe=made.recipe, late=None) if made else one)
        warnings.extend(made.warnings if made else ())
        lasting = lasting and (made is None or made.lasting)
    run.runtime.renders.files = read
    return Complete(tuple(found), tuple(dict.fromkeys(warnings)), lasting)


async def _complete(
    run: Reconciliation, context: EngineContext, one: Located, late: LateRecipe, read: dict[str, bytes]
) -> CompleteRecipe | None:
    """Complete one source's recipe; `None` where nothing has a say in it."""
    tree = await context.sources.ids(one.resolved)
    ids = {path: id for path in late.files if (id := tree.entry(path)) is not None and tree.names(path) is None}
    if not ids and not late.by_revision and not late.by_cluster:
        return None
    known = {**run.runtime.renders.files, **read}
    missing = [path for path, id in ids.items() if id not in known]
    if missing:
        files = await _files(context, one.resolved, missing)
        known.update({ids[path]: content for path, content in files.items()})
    read.update({id: known[id] for id in ids.values()})
    revision = one.resolved.revision
    files = {path: known[id] for path, id in ids.items()}
    facts = RevisionFacts(files, revision.bare, context.capabilities(run.unit))
    return late.complete(facts)


async def _files(context: EngineContext, resolved: Resolved, paths: Iterable[str]) -> dict[str, bytes]:
    async with context.sources.checkout(resolved) as checkout:
        folder = Path(checkout.path)
        return {path: await asyncio.to_thread(read_small, folder, path) for path in paths}


def read_small(folder: Path, path: str) -> bytes:
    """Read a small file of a source that is no link. Raises `RenderError` where it is something else."""
    try:
        with os.fdopen(os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise RenderError(RenderProblem("override", f"it cannot be read: {error.strerror}", Origin(path))) from error
    if len(content) > LARGEST_FILE:
        raise RenderError(RenderProblem("override", f"it is larger than {LARGEST_FILE >> 20} MiB", Origin(path)))
    return content


async def recognise_sources(unit: Unit, context: EngineContext, located: Sequence[Located]) -> str:
    """Name the inputs of all renders where their results are known already; empty: render.

    Raises `SourceError`, `Unreachable`.
    """
    trees = await _trees(context, located)
    keys = await _keys(unit, context)
    found = []
    for one, recipe in _rendered(located):
        inputs = context.renderer.recognise(recipe, _context(unit, context, one, located, trees, keys))
        if not inputs:
            return ""
        found.append(inputs)
    return _together(found)


async def render_sources(unit: Unit, context: EngineContext, located: Sequence[Located]) -> RenderResult:
    """Render all sources, or give what is known. Raises `RenderError`, `SourceError`, `Unreachable`."""
    trees = await _trees(context, located)
    keys = await _keys(unit, context)
    results: dict[int, RenderResult] = {}
    missing: list[tuple[int, Located, Recipe, RenderContext]] = []
    for number, (one, recipe) in enumerate(_rendered(located)):
        render_context = _context(unit, context, one, located, trees, keys)
        try:
            known = context.renderer.lookup(recipe, render_context)
        except RenderError as error:
            if not _lacks_charts(error, context):
                raise
            known = None
        if known is not None:
            results[number] = known
        else:
            missing.append((number, one, recipe, render_context))
    if missing:
        parts = ChartRendering(context.renderer, context.sources, context.charts)
        async with AsyncExitStack() as stack:
            needed = {one.key: one for _, one, _, _ in missing} | {one.key: one for one in located if one.name}
            folders = {
                key: (await stack.enter_async_context(context.sources.checkout(one.resolved))).path
                for key, one in needed.items()
            }
            roots = {one.name: str(folders[one.key].__fspath__()) for one in located if one.name}
            for number, one, recipe, render_context in missing:
                around = {name: folder for name, folder in roots.items() if name in render_context.roots}
                render_context = msgspec.structs.replace(render_context, roots=around)
                results[number] = await render_with_charts(unit, parts, recipe, folders[one.key], render_context)
    kinds = iter(results[number].recipe for number in sorted(results))
    merged = _merged([results[number] for number in sorted(results)])
    if len(located) == 1:
        return merged
    recipes = tuple("" if one.recipe is None else next(kinds) for one in located)
    return msgspec.structs.replace(merged, recipes=recipes)


def _lacks_charts(error: RenderError, context: EngineContext) -> bool:
    return bool(error.problem.missing) and context.charts is not None


def _rendered(located: Sequence[Located]) -> list[tuple[Located, Recipe]]:
    return [(one, one.recipe) for one in located if one.recipe is not None]


async def _trees(context: EngineContext, located: Sequence[Located]) -> list[TreeIds]:
    return [await context.sources.ids(one.resolved) for one in located]


async def _keys(unit: Unit, context: EngineContext) -> Keys | None:
    how = unit.decryption
    if how is None:
        return None
    data = await context.values.read("Secret", *how.secret) if how.secret else None
    return keys_for(how, data)


def _context(
    unit: Unit,
    context: EngineContext,
    one: Located,
    located: Sequence[Located],
    trees: Sequence[TreeIds],
    keys: Keys | None,
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
        keys=keys,
    )


def _merged(results: Sequence[RenderResult]) -> RenderResult:
    """Put the results of several sources together, in their order; the last of an object that is there twice wins."""
    if len(results) == 1:
        return results[0]
    first = results[0]
    return RenderResult(
        objects=tuple(item for result in results for item in result.objects),
        # Only the first source's paths are told: those of another would be taken for its own.
        input_paths={"": first.input_paths[""]} if "" in first.input_paths else {},
        recipe=first.recipe,
        renderer=first.renderer,
        warnings=tuple(warning for result in results for warning in result.warnings),
        uncacheable=tuple(dict.fromkeys(name for result in results for name in result.uncacheable)),
        inputs=_together([result.inputs for result in results]),
        secrets=tuple(sorted({text for result in results for text in result.secrets}, key=len, reverse=True)),
    )


def _together(inputs: Sequence[str]) -> str:
    if not all(inputs):
        return ""
    return inputs[0] if len(inputs) == 1 else digest_of(list(inputs))
