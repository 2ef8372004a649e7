"""Recipes to objects, as a port."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Protocol

from trueup.core.model.recipe import Recipe, RenderContext, RenderResult
from trueup.core.model.unit import Substitution

if TYPE_CHECKING:
    from trueup.core.substitution import Variables


class Renderer(Protocol):
    """Makes objects of an artifact."""

    @property
    def version(self) -> str:
        """The renderer's own version: another one may render the same inputs differently."""
        ...

    async def render(self, recipe: Recipe, tree: PathLike[str], context: RenderContext) -> RenderResult:
        """Render. Raises `RenderError`."""
        ...

    def lookup(self, recipe: Recipe, context: RenderContext) -> RenderResult | None:
        """Give what is already known for these inputs, without files and without a worker; `None`: render."""
        ...

    def recognise(self, recipe: Recipe, context: RenderContext) -> str | None:
        """Name the inputs whose answer is known, as `RenderResult.inputs` does, at less cost than `lookup`."""
        ...

    async def substitute(
        self, result: RenderResult, substitution: Substitution, variables: Variables, *, unit: str, tenant: str
    ) -> RenderResult:
        """Put variables into what was rendered; nothing of it is kept. Raises `RenderError`."""
        ...

    async def check(self, expression: str) -> None:
        """Say whether a CEL expression can be read. Raises `RenderError` where it cannot."""
        ...

    async def evaluate(self, expression: str, variables: Mapping[str, object]) -> object:
        """Evaluate a CEL expression. Raises `RenderError`."""
        ...
