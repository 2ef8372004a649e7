"""Fields that a kind does not have are read from a refusal, and left out of the object."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.kube.unknown_fields import unknown_fields, without_fields

REFUSED = "failed to create typed patch object (d/web; apps/v1, Kind=Deployment): "
ONE = f'{REFUSED}.spec.template.spec.containers[name="c"].x: field not declared in schema'
SEVERAL = """failed to create typed patch object (d/web; apps/v1, Kind=Deployment): errors:
  .spec.odd: field not declared in schema
  .spec.template.spec.containers[name="a:b.c"].ports[containerPort=80,protocol="TCP"].y: field not declared in schema
  .metadata.labels: expected map, got list"""


def test_all_that_are_named_are_found() -> None:
    assert unknown_fields(ONE) == ('.spec.template.spec.containers[name="c"].x',)
    port = '.spec.template.spec.containers[name="a:b.c"].ports[containerPort=80,protocol="TCP"].y'
    assert unknown_fields(SEVERAL) == (".spec.odd", port)
    assert unknown_fields("it is forbidden") == ()


A, B = {"name": "a", "x": 1, "n": 80}, {"name": "b", "x": 2}
BODY: dict[str, Any] = {"spec": {"odd": 1, "list": [A, B], "flat": [{"z": 1}]}}
WITHOUT_X = {"spec": {"odd": 1, "list": [{"name": "a", "n": 80}, B], "flat": [{"z": 1}]}}


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (".spec.odd", {"spec": {"list": [A, B], "flat": [{"z": 1}]}}),
        ('.spec.list[name="a"].x', WITHOUT_X),
        ('.spec.list[n=80,protocol="TCP"].x', WITHOUT_X),
        (".spec.flat[0].z", {"spec": {"odd": 1, "list": [A, B], "flat": [{}]}}),
        (".spec.nowhere.x", None),
        (".spec.flat[7].z", None),
        ("", None),
    ],
)
def test_what_is_named_is_left_out_and_nothing_else(path: str, left: Any) -> None:
    before = str(BODY)
    assert without_fields(BODY, [path]) == left
    assert str(BODY) == before, "the given object is not changed"
