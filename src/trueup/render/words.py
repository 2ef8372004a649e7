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
_REMEDIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"found character that cannot start any token"),
        "a tab, `@` or backtick stands there: indent by spaces, and write such a value in quotes",
    ),
    (
        re.compile(r"invalid map key: map\["),
        "doubled braces belong to a template, and only charts are templates: fill it in, or make the folder a chart",
    ),
    (
        re.compile(r"did not find expected key|mapping values are not allowed|could not find expected ':'"),
        "check the indentation of this line and the next",
    ),
    (re.compile(r"did not find expected ',' or"), "close the bracket, or write a value with brackets in quotes"),
    (re.compile(r"mapping key \"[^\"]*\" already defined"), "remove one of the two"),
    (
        re.compile(r"has no (?:kind|apiVersion|metadata\.name)$"),
        "every object has an apiVersion, a kind and a metadata.name",
    ),
    (re.compile(r"has no use for generateName"), "give it a metadata.name"),
    (
        re.compile(r"is not a Kubernetes object but a bare value"),
        "write an object there, or keep the file outside of the folder",
    ),
    (
        re.compile(r"the path \"[^\"]*\" is not in the artifact"),
        "check its spelling: it begins at the root of the repository",
    ),
    (re.compile(r"is a file, not a folder"), "name the folder in which it lies"),
    (
        re.compile(r"the value file \"[^\"]*\" is not in the artifact"),
        "check its name, which begins at the chart's folder, or set ignoreMissingValueFiles",
    ),
    (re.compile(r"names \"[^\"]*\", which is not in the artifact"), "check its spelling, or commit the file"),
    (
        re.compile(r"invalid Kustomization: json: unknown field"),
        "check its spelling: fields of a kustomization.yaml are resources, patches, images and the like",
    ),
    (
        re.compile(r"no matches for Id"),
        "check kind, name and namespace of the patch's target: nothing that is listed in resources has these",
    ),
    (re.compile(r"nil pointer evaluating"), "give it a value in the chart's values"),
    (
        re.compile(r"execution error at \([^)]*\): "),
        "the chart asks for this by `required` or `fail`: set it in its values",
    ),
)
"""What helps, for what the parsers' own words do not tell a beginner."""

_SECRET_NAME = re.compile(r"pass|secret|token|credential|auth|private|key|cert|dsn|connection", re.IGNORECASE)


def without_values(problem: RenderProblem, recipe: Recipe) -> RenderProblem:
    """Give a problem in words that repeat no value of the recipe's whose name is that of a secret."""
    words = problem.message
    for pattern, instead in _RULES:
        words = pattern.sub(instead, words)
    helm = recipe.helm if isinstance(recipe, AutoRecipe) else recipe
    if isinstance(helm, HelmRecipe):
        words = redact(words, sorted(_secrets(helm), key=len, reverse=True))
    words = _advised(words)
    return msgspec.structs.replace(problem, message=words) if words != problem.message else problem


def _advised(words: str) -> str:
    for pattern, remedy in _REMEDIES:
        if pattern.search(words) and remedy not in words:
            return f"{words}; {remedy}"
    return words


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
