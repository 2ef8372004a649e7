"""A renderer that gives what a test has put into the tree."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import msgspec

from trueup.core.model.objects import digest_of
from trueup.core.model.recipe import (
    InputPaths,
    Recipe,
    RenderContext,
    RenderedObject,
    RenderResult,
)
from trueup.core.model.unit import Substitution
from trueup.core.substitution import Variables
from trueup.testing.sources import FakeRepository, FakeTree


class FakeRenderer:
    """Gives the objects that stand at the recipe's path in the commit. Implements `Renderer`.

    Where there are further roots, each object bears, as an annotation, what stands at the same path in each of them.
    """

    version = "fake"

    def __init__(self, repository: FakeRepository) -> None:
        """Take the repository whose commits are rendered."""
        self._repository = repository
        self.renders = 0
        self.contexts: list[RenderContext] = []
        """What each render was given, in their order."""

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Give the objects at the path."""
        self.renders += 1
        self.contexts.append(context)
        return self._result(recipe, self._repository.tree(tree.__fspath__()), context)

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give nothing: new inputs are always rendered."""
        return None

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Recognise nothing."""
        return None

    def _result(self, recipe: Recipe, tree: FakeTree, context: RenderContext) -> RenderResult:
        bodies = tree.folders.get(recipe.path, ())
        looked = {"": InputPaths(directories=(recipe.path,))}
        inputs = tree.entry(recipe.path) or "-"
        if context.roots:
            seen = {name: str(known.entry(recipe.path)) for name, known in context.root_trees.items()}
            bodies = tuple({**body, "metadata": {**body["metadata"], "annotations": seen}} for body in bodies)
            inputs = digest_of([inputs, seen])
        objects = tuple(RenderedObject(body) for body in bodies)
        return RenderResult(objects, looked, "directory", self.version, inputs=inputs)

    async def substitute(
        self, result: RenderResult, substitution: Substitution, variables: Variables, *, unit: str, tenant: str
    ) -> RenderResult:
        """Put values where `${name}` stands, and nothing else."""
        text = msgspec.json.encode([item.body for item in result.objects]).decode()
        for name, value in variables.values.items():
            text = text.replace(f"${{{name}}}", value)
        bodies = msgspec.json.decode(text)
        return msgspec.structs.replace(result, objects=tuple(RenderedObject(body) for body in bodies))

    async def check(self, expression: str) -> None:
        """Read anything."""

    async def evaluate(self, expression: str, variables: Mapping[str, object]) -> Any:
        """Give what is written: `true` or `false`."""
        return expression == "true"
