"""A plugin's output as an answer like a worker's: read as manifests, and told with all that it may have looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import msgspec

from trueup.core.model.recipe import (
    AutoRecipe,
    DirectoryRecipe,
    InputPaths,
    Origin,
    Recipe,
    RenderContext,
    RenderError,
    RenderProblem,
)
from trueup.core.plugins import PluginRecipe
from trueup.render.memory import decode_objects
from trueup.render.plugins.running import Plugins
from trueup.render.protocol import Answer

Work: TypeAlias = Callable[[Recipe, PathLike[str], RenderContext], Awaitable[Answer]]
"""Has a worker render a recipe from a folder."""

KIND = "plugin"
NETWORK = "network"
"""What such a result is said to depend on beside its inputs, where its plugin may use the network."""


async def answered(plugins: Plugins, recipe: Recipe, tree: PathLike[str], context: RenderContext, work: Work) -> Answer:
    """Answer a recipe that is a plugin's, or may be; what no plugin recognises is left to `work`."""
    wanted = recipe.plugin if isinstance(recipe, AutoRecipe) else recipe
    assert isinstance(wanted, PluginRecipe)
    try:
        made = await plugins.generate(wanted, tree, context)
    except RenderError as error:
        return Answer(input_paths=_everything(context), recipe=KIND, problem=error.problem)
    if made is None and isinstance(recipe, AutoRecipe):
        return _unrecognised(await work(recipe, tree, context), wanted)
    if made is None:
        return Answer(input_paths=_everything(context), recipe=KIND, problem=plugins.missing(wanted))
    plugin, output = made
    with tempfile.TemporaryDirectory(prefix="trueup-plugin-") as folder:
        (Path(folder) / f"output of plugin {plugin.name}.yaml").write_bytes(output)
        plain = msgspec.structs.replace(context, tree=None, roots={}, root_trees={})
        answer = await work(DirectoryRecipe(path="."), Path(folder), plain)
    place = Origin(wanted.path)
    # In a repository's folder, files that are no manifests are left out. A plugin prints manifests and nothing else.
    unfit = next((each for each in answer.warnings if each.code == "not-an-object"), None)
    if answer.problem is None and unfit is not None:
        answer = msgspec.structs.replace(answer, problem=RenderProblem(unfit.code, unfit.message))
    objects = [msgspec.structs.replace(each, origin=place) for each in decode_objects(answer.objects)]
    warnings = tuple(msgspec.structs.replace(each, origin=place) for each in answer.warnings)
    return msgspec.structs.replace(
        answer,
        objects=msgspec.Raw(msgspec.json.encode(objects)),
        input_paths=_everything(context),
        recipe=KIND,
        warnings=warnings,
        problem=_placed(answer.problem, place),
        uncacheable=(*answer.uncacheable, NETWORK) if plugin.network else answer.uncacheable,
    )


def _everything(context: RenderContext) -> dict[str, InputPaths]:
    """Give all files: nobody knows which of them a plugin reads."""
    return {root: InputPaths(files=(".",)) for root in ("", *sorted(context.roots))}


def _unrecognised(answer: Answer, recipe: PluginRecipe) -> Answer:
    """Let an answer depend on the whole folder: any file in it may make it a plugin's."""
    own = answer.input_paths.get("", InputPaths())
    files = tuple(sorted({*own.files, recipe.path or "."}))
    return msgspec.structs.replace(
        answer, input_paths={**answer.input_paths, "": msgspec.structs.replace(own, files=files)}
    )


def _placed(problem: RenderProblem | None, place: Origin) -> RenderProblem | None:
    return msgspec.structs.replace(problem, origin=place) if problem is not None else None
