"""A renderer that gives what a test has put into the tree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from os import PathLike
from typing import Any

from trueup.core.model.recipe import (
    LookedAt,
    Recipe,
    RenderContext,
    RenderedObject,
    RenderResult,
)
from trueup.testing.sources import FakeRepository, FakeTree


async def quiesce(rounds: int = 50) -> None:
    """Let every task that can go on do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


class FakeRenderer:
    """Gives the objects that stand at the recipe's path in the commit. Implements `Renderer`."""

    version = "fake"

    def __init__(self, repository: FakeRepository) -> None:
        """Take the repository whose commits are rendered."""
        self._repository = repository
        self.renders = 0

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Give the objects at the path."""
        self.renders += 1
        return self._result(recipe, self._repository.commits[tree.__fspath__()], cached=False)

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give nothing: every look at new inputs is a render."""
        return None

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Recognise nothing."""
        return None

    def _result(self, recipe: Recipe, tree: FakeTree, *, cached: bool) -> RenderResult:
        objects = tuple(RenderedObject(body) for body in tree.folders.get(recipe.path, ()))
        looked = {"": LookedAt(directories=(recipe.path,))}
        inputs = tree.entry(recipe.path) or "-"
        return RenderResult(objects, looked, "directory", self.version, inputs=inputs, cached=cached)

    async def evaluate(self, expression: str, variables: Mapping[str, object]) -> Any:
        """Give what is written: `true` or `false`."""
        return expression == "true"
