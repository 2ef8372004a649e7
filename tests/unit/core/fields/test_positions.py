"""A field's path leads to where it stands in a manifest, also where the manifest lacks keys of a list's item."""

from __future__ import annotations

from trueup.core.fields.positions import at_position, file_key, leaves, positions

POD = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
    "spec": {
        "containers": [
            {"name": "side", "image": "a"},
            {"name": "web", "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP", "name": "dns"}]},
        ],
        "finalizers": ["a", "b]"],
    },
}
HTTP = 'spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].containerPort'
DNS = 'spec.containers[name="web"].ports[containerPort=53,protocol="UDP"].protocol'


def test_an_item_is_found_by_the_keys_that_it_has() -> None:
    found = positions([HTTP, DNS], POD)
    assert found == {
        HTTP: ("spec", "containers", 1, "ports", 0, "containerPort"),
        DNS: ("spec", "containers", 1, "ports", 1, "protocol"),
    }
    assert at_position(POD, found[HTTP]) == 80 and at_position(POD, found[DNS]) == "UDP"
    assert file_key(POD, found[HTTP]) == "spec.containers[name=web].ports[0].containerPort"
    assert file_key(POD, found[DNS]) == "spec.containers[name=web].ports[name=dns].protocol"


def test_names_in_quotes_and_items_of_sets() -> None:
    label, item = 'metadata.labels["app.kubernetes.io/name"]', 'spec.finalizers[="b]"]'
    found = positions([label, item, "spec.containers[0].image"], POD)
    assert [at_position(POD, found[path]) for path in found] == ["web", "b]", "a"]
    assert file_key(POD, found[label]) == "metadata.labels.app.kubernetes.io/name"


def test_what_is_not_there_has_no_position() -> None:
    other = 'spec.containers[name="web"].ports[containerPort=80,protocol="SCTP"].containerPort'
    absent = ['spec.containers[name="no"].image', "spec.replicas", "spec.containers[7]", "spec.containers[name=", ""]
    assert positions(absent[:-1], POD) == {} and positions([""], POD) == {"": ()}
    assert at_position(POD, ("spec", "containers", 9)) is None
    assert positions([other], POD)[other][4] == 0, "who says no protocol has left it to the API server"


def test_only_what_has_nothing_below_it_is_a_leaf() -> None:
    assert leaves(["spec", "spec.a", 'spec.a[name="b"]', 'spec.a[name="b"].c', "spec.ab"]) == [
        'spec.a[name="b"].c',
        "spec.ab",
    ]
