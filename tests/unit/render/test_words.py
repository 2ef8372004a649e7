"""What a failed render says repeats no value that may be a secret."""

from __future__ import annotations

import pytest

from trueup.core.model.recipe import DirectoryRecipe, HelmParameter, HelmRecipe, RenderProblem
from trueup.render.words import without_values


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "loading KV pairs: literal sources [word]: invalid literal source word, expected key=value",
            "loading KV pairs: invalid literal source ***, expected key=value",
        ),
        (
            "trouble configuring builtin PatchTransformer with config: `\npatch: word\n`: no matches",
            "PatchTransformer: no matches",
        ),
        ("- at '/password': 'it''s' does not match pattern '^[0-9]+$'", "- at '/password': 'it''s' does not match"),
        (
            "- at '/password': 'word' does not match pattern '^a'",
            "- at '/password': the value does not match pattern '^a'",
        ),
        ("- at '/replicas': got string, want integer", "- at '/replicas': got string, want integer"),
        ("line 3: cannot unmarshal !!str `word...` into map", "line 3: cannot unmarshal !!str *** into map"),
        (
            "app/x.yaml:3: could not find expected ':'",
            "app/x.yaml:3: could not find expected ':'; check the indentation of this line and the next",
        ),
    ],
)
def test_values_go_and_places_stay(said: str, told: str) -> None:
    found = without_values(RenderProblem("build", said), DirectoryRecipe()).message
    assert found.startswith(told[:40]) and "word" not in found.replace("password", "")
    if "''" not in said:
        assert found == told


def test_values_of_a_chart_go_by_their_names() -> None:
    recipe = HelmRecipe(
        values="db: {password: from-text, host: db.example.com}\n",
        values_object={"auth": {"user": "from-object", "on": True}},
        parameters=(HelmParameter("api.token", "from-parameter"), HelmParameter("image.tag", "1.2.3-alpine")),
    )
    said = "from-text from-object from-parameter 1.2.3-alpine db.example.com"
    told = without_values(RenderProblem("template", said), recipe).message
    assert told == "*** *** *** 1.2.3-alpine db.example.com"
    broken = HelmRecipe(values="a: [from-text\nb: 'other-word")
    told = without_values(RenderProblem("values", "line 2: b: 'other-word is not closed"), broken).message
    assert "other-word" not in told
