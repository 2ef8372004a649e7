"""What of a managedFields trie an object names."""

from __future__ import annotations

from trueup.core.fields.fieldsv1 import merged_trie, narrowed_trie
from trueup.core.fields.ownership import FieldSet

PORT = 'k:{"containerPort":80,"protocol":"TCP"}'
X = 'k:{"name":"X"}'


def test_what_the_api_server_filled_in_is_left_out() -> None:
    trie = {
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:containers": {'k:{"name":"c"}': {".": {}, "f:image": {}, "f:policy": {}, "f:name": {}}}},
        }
    }
    body = {"spec": {"template": {"containers": [{"name": "c", "image": "i", "args": None}]}}}
    item = {".": {}, "f:image": {}, "f:name": {}}
    assert narrowed_trie(trie, body) == {"f:spec": {"f:template": {"f:containers": {'k:{"name":"c"}': item}}}}


def test_keys_that_were_filled_in_still_name_their_item() -> None:
    trie = {"f:ports": {PORT: {".": {}, "f:containerPort": {}, "f:protocol": {}}}}
    kept = narrowed_trie(trie, {"ports": [{"containerPort": 80}]})
    assert kept == {"f:ports": {PORT: {".": {}, "f:containerPort": {}}}}
    assert narrowed_trie(trie, {"ports": [{"containerPort": 80, "protocol": "UDP"}]}) == {}


def test_sets_and_indexed_items() -> None:
    trie = {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}, "f:steps": {"i:0": {}, "i:1": {}}}
    kept = narrowed_trie(trie, {"finalizers": ["b"], "steps": ["one"]})
    assert kept == {"f:finalizers": {'v:"b"': {}}, "f:steps": {"i:0": {}}}
    assert narrowed_trie(trie, {"finalizers": "odd", "steps": {}}) == {}


def test_items_that_share_their_key_are_owned_and_compared_as_one() -> None:
    trie = {"f:env": {X: {}}}
    body = {"env": [{"name": "X", "value": "1"}, {"name": "X", "value": "2"}]}
    assert narrowed_trie(trie, body) == trie
    fields = FieldSet(trie)
    digest = fields.values_digest(body)
    for other in (
        {"env": [{"name": "X", "value": "1"}, {"name": "X", "value": "3"}]},
        {"env": [{"name": "X", "value": "1"}]},
        {"env": [{"name": "X", "value": "2"}, {"name": "X", "value": "1"}]},
    ):
        assert fields.values_digest(other) != digest
    assert fields.values_digest({"env": [*body["env"], {"name": "theirs"}]}) == digest


def test_a_union_keeps_what_is_itself_a_member() -> None:
    assert merged_trie([{"f:a": {}}, {"f:a": {"f:b": {}}}]) == {"f:a": {".": {}, "f:b": {}}}
