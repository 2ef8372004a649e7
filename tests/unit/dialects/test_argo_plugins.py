"""What an Application asks of a config management plugin, and what it is told where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.dialects.samples import APPLICATION, changed, translated

from trueup.core.model.dialect import Context
from trueup.core.model.recipe import AutoRecipe, Capabilities
from trueup.core.model.unit import RevisionFacts, Unit
from trueup.core.plugins import KnownPlugins, PluginRecipe

THERE = Context(plugins=KnownPlugins({"cue-v1.0": "d1", "jk": "d2"}, "all"))
COMMIT = "c" * 40
FACTS = RevisionFacts({}, COMMIT, Capabilities("v1.37.2", ("apps/v1", "v1")))


def unit_with(plugin: Any, context: Context = THERE, **source: Any) -> Unit:
    body = changed(APPLICATION, {"source": {**APPLICATION["spec"]["source"], "plugin": plugin, **source}})
    unit = translated(body, context).unit
    assert unit is not None
    return unit


def test_it_is_given_the_environment_own_variables_and_parameters() -> None:
    parameters = [
        {"name": "my-image", "string": "web"},
        {"name": "tags", "array": ["a", "b"]},
        {"name": "labels", "map": {"my.team": "shop"}},
        {"name": "empty", "string": ""},
    ]
    env = [{"name": "REGION", "value": "eu-$ARGOCD_APP_NAME"}]
    unit = unit_with({"name": "cue-v1.0", "env": env, "parameters": parameters})
    late = unit.sources[0].late
    assert not unit.problems and isinstance(unit.recipe, PluginRecipe) and late is not None
    recipe = late.complete(FACTS).recipe
    assert isinstance(recipe, PluginRecipe)
    given = dict(recipe.environment)
    assert (recipe.path, recipe.name, recipe.declared) == ("web", "cue-v1.0", "d1")
    assert given["ARGOCD_ENV_REGION"] == "eu-web" and given["ARGOCD_APP_REVISION"] == COMMIT
    assert given["KUBE_API_VERSIONS"] == "apps/v1,v1"
    assert given["PARAM_MY_IMAGE"] == "web" and given["PARAM_EMPTY"] == ""
    assert (given["PARAM_TAGS_0"], given["PARAM_TAGS_1"]) == ("a", "b")
    assert given["PARAM_LABELS_MY_TEAM"] == "shop"
    assert given["ARGOCD_APP_PARAMETERS"].startswith('[{"name":"my-image","string":"web"},{"name":"tags","array":[')


def test_another_declaration_or_environment_is_another_recipe() -> None:
    one = unit_with({"name": "jk"}).recipe
    changed_plugin = Context(plugins=KnownPlugins({"jk": "d3"}))
    assert unit_with({"name": "jk"}, changed_plugin).recipe != one
    assert unit_with({"name": "jk", "env": [{"name": "A", "value": "b"}]}).recipe != one


def test_without_a_name_the_folder_decides() -> None:
    recipe = unit_with({}).recipe
    assert isinstance(recipe, PluginRecipe) and (recipe.name, recipe.declared) == ("", "all")
    auto = translated(APPLICATION, THERE).unit
    assert auto is not None and isinstance(auto.recipe, AutoRecipe) and auto.recipe.plugin is not None
    none = translated(APPLICATION, Context(plugins=KnownPlugins({"jk": "d2"}))).unit
    assert none is not None and isinstance(none.recipe, AutoRecipe) and none.recipe.plugin is None


@pytest.mark.parametrize(
    ("plugin", "context", "words"),
    [
        ({"name": "jk"}, Context(), "start it with --plugins"),
        ({}, Context(), "start it with --plugins"),
        ({"name": "cue"}, THERE, "no plugin 'cue'; it has cue-v1.0, jk"),
        ({}, Context(plugins=KnownPlugins({"jk": "d"})), "name one of jk"),
    ],
)
def test_what_is_not_there_is_a_problem_with_a_remedy(plugin: Any, context: Context, words: str) -> None:
    assert any(words in problem for problem in unit_with(plugin, context).problems)


def test_two_ways_at_once_are_refused() -> None:
    problems = unit_with({"name": "jk"}, kustomize={"namePrefix": "a-"}).problems
    assert "multiple application sources defined: Kustomize,Plugin" in problems
