"""What names a recipe, and the short form of an image override."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.recipe import (
    Capabilities,
    DirectoryRecipe,
    HelmRecipe,
    ImageOverride,
    KustomizeRecipe,
    Origin,
    recipe_digest,
)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("nginx:1.2", ImageOverride("nginx", new_tag="1.2")),
        ("nginx=mirror/nginx", ImageOverride("nginx", new_name="mirror/nginx")),
        ("nginx=mirror:5000/nginx:1", ImageOverride("nginx", new_name="mirror:5000/nginx", new_tag="1")),
        ("mirror:5000/nginx:1", ImageOverride("mirror:5000/nginx", new_tag="1")),
        ("nginx@sha256:ab", ImageOverride("nginx", digest="sha256:ab")),
        ("nginx=other@sha256:ab", ImageOverride("nginx", new_name="other", digest="sha256:ab")),
        ("nginx=*:1", ImageOverride("nginx", new_name="*", new_tag="1")),
        ("nginx=nginx:1", ImageOverride("nginx", new_tag="1")),
    ],
)
def test_image_overrides(text: str, override: ImageOverride) -> None:
    assert ImageOverride.parse(text) == override


@pytest.mark.parametrize("text", ["", "=x", "nginx=", "@sha256:ab"])
def test_no_image_override(text: str) -> None:
    with pytest.raises(ValueError, match="is not an image override"):
        ImageOverride.parse(text)


def test_the_cluster_names_a_recipe_only_where_a_template_could_see_it() -> None:
    old, new = Capabilities("v1.36.0"), Capabilities("v1.37.0", ("apps/v1",))
    assert recipe_digest(HelmRecipe(), old) != recipe_digest(HelmRecipe(), new)
    for recipe in (KustomizeRecipe(), DirectoryRecipe()):
        assert recipe_digest(recipe, old) == recipe_digest(recipe, new)


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=4))
def test_the_order_of_a_mapping_does_not_matter(labels: dict[str, str]) -> None:
    turned = dict(reversed(labels.items()))
    digests = {recipe_digest(KustomizeRecipe(common_labels=one), Capabilities()) for one in (labels, turned)}
    assert len(digests) == 1


def test_kinds_of_recipes_differ_in_name() -> None:
    assert (
        len({recipe_digest(one, Capabilities()) for one in (KustomizeRecipe(), HelmRecipe(), DirectoryRecipe())}) == 3
    )


def test_places_read_as_compilers_write_them() -> None:
    assert str(Origin("a/b.yaml")) == "a/b.yaml"
    assert str(Origin("a/b.yaml", 3, 7, root="values")) == "$values/a/b.yaml:3:7"
