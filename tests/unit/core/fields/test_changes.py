"""What changed in an object is told field by field, without what the server counts and without secrets."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.fields.changes import FIELDS_KEPT, VALUE_KEPT, FieldChange, field_changes, told
from trueup.core.model.objects import ObjectRef, canonical_json

REF = ObjectRef("apps", "Deployment", "shop", "web")


def deployment(image: str, replicas: int, **env: str) -> dict[str, Any]:
    container = {"name": "app", "image": image, "env": [{"name": key, "value": value} for key, value in env.items()]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "resourceVersion": image, "generation": replicas},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": {"replicas": replicas},
    }


def test_items_of_lists_are_named_by_what_tells_them_apart() -> None:
    changes = field_changes(deployment("web:1", 2, A="1", B="2"), deployment("web:2", 2, A="1", C="3"))
    container = 'spec.template.spec.containers[name="app"]'
    assert changes == (
        FieldChange(f'{container}.env[name="B"]', '{"name":"B","value":"2"}', ""),
        FieldChange(f'{container}.env[name="C"]', "", '{"name":"C","value":"3"}'),
        FieldChange(f"{container}.image", '"web:1"', '"web:2"'),
    )


def test_what_the_server_counts_is_no_change() -> None:
    old, new = deployment("web:1", 2), deployment("web:1", 2)
    new["metadata"]["resourceVersion"], new["metadata"]["managedFields"], new["status"] = "9", [{}], {}
    assert field_changes(old, new) == ()


def test_null_and_absent_are_not_the_same_and_neither_are_true_and_one() -> None:
    assert field_changes({"spec": {"a": None}}, {"spec": {}}) == (FieldChange("spec.a", "null", ""),)
    assert field_changes({"spec": {"a": True}}, {"spec": {"a": 1}}) == (FieldChange("spec.a", "true", "1"),)


def test_a_secrets_values_are_never_told() -> None:
    old = {"kind": "Secret", "data": {"password": "b2xk", "same": "eA=="}, "type": "Opaque"}
    new = {"kind": "Secret", "data": {"password": "bmV3", "same": "eA=="}, "type": "Opaque"}
    assert field_changes(old, new) == (FieldChange("data.password", hidden=True),)
    assert field_changes({"kind": "Secret"}, new) == (
        FieldChange("data", hidden=True),
        FieldChange("type", "", '"Opaque"'),
    )


def test_what_kubectl_applied_last_is_not_told_for_it_may_hold_secrets() -> None:
    noted = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"password":"b2xk"}}', "a/b": "1"}
    changes = field_changes({"metadata": {"annotations": noted}}, {"metadata": {"annotations": {"a/b": "2"}}})
    assert changes == (FieldChange('metadata.annotations["a/b"]', '"1"', '"2"'),)


def test_long_values_and_many_fields_are_cut_and_said_to_be() -> None:
    (change,) = field_changes({"data": {"a": ""}}, {"data": {"a": "x" * 10_000}})
    assert len(change.after) == VALUE_KEPT and change.after.endswith("…")
    many = tuple(FieldChange(f"data.k{number}") for number in range(FIELDS_KEPT + 5))
    record = told(REF, "change", many)
    assert (len(record.fields), record.more, record.ref) == (FIELDS_KEPT, 5, REF)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(["spec", "data", "rules", "kind"]), JSON, max_size=4)


@given(BODIES, BODIES)
def test_changes_are_told_exactly_where_there_are_any(old: dict[str, Any], new: dict[str, Any]) -> None:
    told_of = {change.path.partition(".")[0].partition("[")[0] for change in field_changes(old, new)}
    same = {
        name
        for name in {*old, *new}
        if name in old and name in new and canonical_json(old[name]) == canonical_json(new[name])
    }
    assert told_of.isdisjoint(same)
    # Lists whose items are told apart by a key may differ in their order alone, which is no change.
    assert {name for name in {*old, *new} - same if not _reordered(old.get(name), new.get(name))} <= told_of
    assert field_changes(old, old) == ()


def _reordered(old: Any, new: Any) -> bool:
    return sorted(canonical_json(old)) == sorted(canonical_json(new))
