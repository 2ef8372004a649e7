"""The pure parts of applying: whose ownership is moved, and which lists are replaced."""

from __future__ import annotations

import json

from trueup.kube.apply import _doubled_lists, _Object
from trueup.kube.errors import BadRequest, Invalid, error_of
from trueup.kube.managed_fields import adopted_entries, claiming_patch
from trueup.kube.resource import Resource
from trueup.kube.writes import Apply

SERVICES = Resource("", "v1", "services", "Service", True)


def entry(manager: str, operation: str, fields: dict[str, object], **more: str) -> dict[str, object]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def test_fields_of_client_side_apply_become_ours() -> None:
    ours = entry("us", "Apply", {"f:data": {"f:a": {}}})
    other = entry("controller", "Update", {"f:status": {}}, subresource="status")
    moved = adopted_entries(
        [other, ours, entry("kubectl-client-side-apply", "Update", {"f:data": {"f:b": {}}})], Apply("us")
    )
    assert moved == [other, entry("us", "Apply", {"f:data": {"f:a": {}, "f:b": {}}})]


def test_what_we_once_wrote_by_update_becomes_ours_by_apply() -> None:
    moved = adopted_entries(
        [entry("us", "Apply", {"f:data": {"f:a": {}}}), entry("us", "Update", {"f:data": {"f:b": {}}})], Apply("us")
    )
    assert moved == [entry("us", "Apply", {"f:data": {"f:a": {}, "f:b": {}}})]


def test_nothing_is_moved_from_others_nor_across_versions() -> None:
    ours = entry("us", "Apply", {"f:data": {}})
    old = {**entry("kubectl-client-side-apply", "Update", {"f:data": {}}), "apiVersion": "v1beta1"}
    assert adopted_entries([ours, old, entry("kubectl-edit", "Update", {"f:data": {}})], Apply("us")) is None
    assert adopted_entries([entry("kubectl-client-side-apply", "Update", {})], Apply("us")) is None


def test_what_was_replaced_becomes_ours_by_apply() -> None:
    other = entry("controller", "Update", {"f:status": {}}, subresource="status")
    update = entry("us", "Update", {"f:data": {"f:b": {}}}, time="2026-01-02T03:04:05Z")
    body = {
        "apiVersion": "v1",
        "metadata": {
            "resourceVersion": "7",
            "managedFields": [other, entry("us", "Apply", {"f:data": {"f:a": {}}}), update],
        },
    }
    trie = {"f:data": {"f:a": {}, "f:b": {}}}
    patch = claiming_patch(body, trie, Apply("us"))
    assert patch is not None
    mine = {**entry("us", "Apply", trie), "fieldsType": "FieldsV1", "time": "2026-01-02T03:04:05Z"}
    assert patch[0]["value"] == [other, mine] and patch[1]["value"] == "7"
    claimed = {**body, "metadata": {**body["metadata"], "managedFields": patch[0]["value"]}}
    assert claiming_patch(claimed, trie, Apply("us")) is None, "what is so already is not written again"
    assert claiming_patch(body, {}, Apply("us")) is None, "nothing is no claim"


def refusal(*causes: dict[str, str]) -> Invalid:
    status = {"kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422, "message": "invalid"}
    found = error_of(422, json.dumps({**status, "details": {"causes": list(causes)}}).encode())
    assert isinstance(found, Invalid)
    return found


def test_a_list_with_an_item_twice_is_replaced_as_a_whole_and_nothing_else() -> None:
    body = {"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "ports": [{"name": "http", "port": 80}]}}
    made = _Object(SERVICES, SERVICES.ref("s", "ns"), json.dumps(body).encode())
    doubled = {"field": "spec.ports[1].name", "reason": "FieldValueDuplicate", "message": 'Duplicate value: "http"'}
    other = {"field": "spec.type", "reason": "FieldValueInvalid", "message": "Invalid value"}
    assert _doubled_lists(refusal(doubled, other), made) == {"spec": {"ports": body["spec"]["ports"]}}
    assert _doubled_lists(refusal(other), made) == {}


def test_an_object_that_does_not_fit_its_schema_is_not_tried_again() -> None:
    status = {
        "status": "Failure",
        "code": 500,
        "message": "failed to create typed patch object (ns/web; apps/v1, Kind=Deployment): .spec.nonsense: field not "
        "declared in schema",
    }
    found = error_of(500, json.dumps(status).encode())
    assert isinstance(found, BadRequest) and not found.retriable
