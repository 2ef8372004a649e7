"""What a failed render says, without values: kustomize, Helm and their parsers repeat what they cannot read.

A patch, a literal or a value of a chart may be a password, and nobody but its author knows which. So the values go, and
the place and the reason stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from trueup.core.model.recipe import AutoRecipe, HelmRecipe, Recipe, RenderProblem
from trueup.core.redaction import HIDDEN, redact

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # kustomize: a literal without `=`, a plugin's whole configuration.
    (re.compile(r"literal sources? \[.*?\]: ", re.DOTALL), ""),
    (re.compile(r"(invalid literal source ).*?(, expected key=val)", re.DOTALL), rf"\1{HIDDEN}\2"),
    (re.compile(r"trouble configuring builtin (\w+) with config: `.*?`: ", re.DOTALL), r"\1: "),
    (re.compile(r"(unable to parse SM or JSON patch from ).*", re.DOTALL), rf"\1{HIDDEN}"),
    # JSON schema: the place, then the value that does not fit.
    (re.compile(r"(at '[^'\n]*': )'(?:[^'\\\n]|\\.)*' (does not|is not)"), r"\1the value \2"),
    # YAML: a value of the wrong kind, and a line that is quoted.
    (re.compile(r"(cannot unmarshal !!\w+ )`[^`]*`"), rf"\1{HIDDEN}"),
    (re.compile(r"(json: cannot unmarshal \w+ )`[^`]*`"), rf"\1{HIDDEN}"),
)
_SECRET_NAME = re.compile(r"pass|secret|token|credential|auth|private|key|cert|dsn|connection", re.IGNORECASE)


def without_values(problem: RenderProblem, recipe: Recipe) -> RenderProblem:
    """Give a problem in words that repeat no value of the recipe's whose name is that of a secret."""
    words = problem.message
    for pattern, instead in _RULES:
        words = pattern.sub(instead, words)
    helm = recipe.helm if isinstance(recipe, AutoRecipe) else recipe
    if isinstance(helm, HelmRecipe):
        words = redact(words, sorted(_secrets(helm), key=len, reverse=True))
    return msgspec.structs.replace(problem, message=words) if words != problem.message else problem


def _secrets(recipe: HelmRecipe) -> set[str]:
    """Give the values of a chart that are secrets by their names."""
    found = {each.value for each in recipe.parameters if _SECRET_NAME.search(each.name)}
    found.update(_named_so(recipe.values_object))
    try:
        found.update(_named_so(yaml.safe_load(recipe.values) if recipe.values else None))
    except (yaml.YAMLError, RecursionError):
        # Nobody knows what is a name and what a value: no line of it is repeated.
        found.update(line.strip() for line in recipe.values.splitlines())
    return found


def _named_so(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _named_so(each, secret or bool(_SECRET_NAME.search(str(name))))
    elif isinstance(value, list):
        for each in value:
            yield from _named_so(each, secret)
    elif secret and value is not None and not isinstance(value, bool):
        yield str(value)
