"""Which units a commit touches: they go first, so that a change in a large repository need not wait behind the others.

The others are reconciled as well, but only to show the new revision. Nothing hangs on this order but time: a unit that
is taken for touched, or for untouched, by mistake ends the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import structlog

from trueup.core.model.artifact import Resolved, SourceError
from trueup.core.model.recipe import RenderContext, TreeIds
from trueup.core.model.unit import Unit
from trueup.core.ports import Renderer, Sources, Targets, Unreachable

log = structlog.get_logger(__name__)

FEW = 16
"""So many units of one source are not worth sorting: all of them go at once."""

STRIDE = 100
"""Units sorted before others may run: some milliseconds."""


async def touched_first(
    units: Sequence[Unit], resolved: Resolved, sources: Sources, renderer: Renderer, targets: Targets
) -> AsyncIterator[tuple[Unit, bool]]:
    """Give every unit once, with whether the commit touches it: those that it does first, as they are found.

    A tree that cannot be read touches all: each unit's own look will say what is wrong.
    """
    try:
        tree = await sources.ids(resolved)
    except SourceError as error:
        log.warning("a commit's tree cannot be read", revision=str(resolved.revision), error=str(error))
        for unit in units:
            yield unit, True
        return
    untouched = []
    for number, unit in enumerate(units, 1):
        if not _known(unit, tree, renderer, targets):
            yield unit, True
        else:
            untouched.append(unit)
        if number % STRIDE == 0:
            await asyncio.sleep(0)
    for unit in untouched:
        yield unit, False


def _known(unit: Unit, tree: TreeIds, renderer: Renderer, targets: Targets) -> bool:
    """Say whether an earlier rendering of a unit is still right for a tree; with sources elsewhere nobody knows."""
    if len({one.ref for one in unit.sources}) > 1:
        return False
    try:
        capabilities = targets.of(unit.target.cluster).capabilities()
    except Unreachable:
        return False
    roots = {one.name: tree for one in unit.sources if one.name}
    context = RenderContext(capabilities, tree, dict.fromkeys(roots, ""), roots)
    recipes = [one.recipe for one in unit.sources if one.recipe is not None]
    return all(renderer.recognise(recipe, context) is not None for recipe in recipes)
