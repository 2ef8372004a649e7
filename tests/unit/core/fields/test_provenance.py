"""Scalars of a text are found, replaced in place, and known again in what is rendered."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.fields.provenance import at_field, by_key, marked, marks_in, scalars, telling

KUSTOMIZATION = """\
resources: [../base]
images:
- name: shop/web
  newTag: "1.0"
replicas:
- name: web
  count: 3
patches:
- target: {kind: Deployment}
  patch: |-
    - op: replace
      path: /spec/minReadySeconds
      value: 7
configMapGenerator:
- name: settings
  literals: [COLOUR=blue]
"""


def places(text: str) -> dict[str, int]:
    return {item.place.key: item.place.line for item in scalars("f", text)}


def test_places_have_lines_and_keys_also_inside_a_patch() -> None:
    found = places(KUSTOMIZATION)
    assert found["images[name=shop/web].newTag"] == 4
    assert found["replicas[name=web].count"] == 7
    assert found["patches[0].patch: [0].value"] == 13


def test_what_tells_things_apart_is_fixed() -> None:
    fixed = {item.place.key for item in scalars("f", KUSTOMIZATION) if item.fixed}
    assert "resources[0]" in fixed and "images[name=shop/web].name" in fixed
    assert "images[name=shop/web].newTag" not in fixed


def test_marks_stand_in_the_place_of_values_and_nothing_else_changes() -> None:
    chosen = [item for item in scalars("f", KUSTOMIZATION) if not item.fixed]
    text = marked(KUSTOMIZATION, [(item, number) for number, item in enumerate(chosen)])
    loaded = yaml.safe_load(text)
    assert marks_in(loaded) == frozenset(range(len(chosen)))
    assert isinstance(loaded["replicas"][0]["count"], int), "a number stays one"
    assert loaded["images"][0]["name"] == "shop/web"
    assert loaded["configMapGenerator"][0]["literals"][0].startswith("COLOUR=")
    assert yaml.safe_load(loaded["patches"][0]["patch"])[0]["op"] == "replace"


def test_true_and_false_are_turned_over() -> None:
    (item,) = scalars("f", "a: true\n")
    assert yaml.safe_load(marked("a: true\n", [(item, 0)])) == {"a": False}


def test_a_template_or_broken_text_has_no_places() -> None:
    assert scalars("f", "a: {{ .Values.x }}\nb: [") == ()
    assert scalars("f", "a: &x 1\nb: *x\n")[:1] == (), "an anchored value is left alone"
    assert scalars("f", "[" * 5000) == ()


def test_only_what_may_have_given_a_value_is_tried() -> None:
    found = telling(scalars("f", KUSTOMIZATION), ["shop/web:1.0", 3])
    assert {item.place.key for item in found} >= {"images[name=shop/web].newTag", "replicas[name=web].count"}
    assert "configMapGenerator[name=settings].literals[0]" not in {item.place.key for item in found}


def test_a_fields_place_in_its_own_file_has_the_same_path_and_value() -> None:
    text = (
        'metadata:\n  labels:\n    app.kubernetes.io/name: web\nspec:\n  containers:\n  - name: app\n    image: "x:1"\n'
    )
    found = by_key(scalars("f", text))
    image = at_field(found, "spec.containers[name=app].image", "x:1")
    assert image and image.place.line == 7
    label = at_field(found, "metadata.labels.app.kubernetes.io/name", "web")
    assert label and label.place.line == 3
    assert at_field(found, "spec.containers[name=app].image", "x:2") is None


NAMES = st.text(alphabet="abcdef", min_size=1)
VALUES = st.recursive(
    st.integers(0, 99) | st.text(alphabet="abc XY:-#'\"é", min_size=1, max_size=6) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sampled_from([None, False, True]))
def test_any_yaml_stays_the_same_shape_when_all_its_values_are_marked(data: dict[str, Any], flow: bool | None) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    found = scalars("f", text)
    loaded = yaml.safe_load(marked(text, [(item, number) for number, item in enumerate(found)]))
    assert shape(loaded) == shape(data)
    assert marks_in(loaded) >= {number for number, item in enumerate(found) if not item.boolean}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__
