"""Identity, digests and inventories are values: equal content is equal, whatever the order it came in."""

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.objects import (
    Desired,
    Inventory,
    InventoryEntry,
    ObjectRef,
    digest_of,
    join_api_version,
    split_api_version,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def entry(name: str, digest: str = "") -> InventoryEntry:
    return InventoryEntry("apps", "Deployment", "shop", name, "v1", digest)


def test_a_ref_has_no_version_and_reads_well() -> None:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    assert ObjectRef.of(body) == ObjectRef.of({**body, "apiVersion": "apps/v1beta1"})
    assert str(ObjectRef.of(body)) == "Deployment/shop/web"
    assert str(ObjectRef("", "Namespace", "", "shop")) == "Namespace/shop"


def test_api_versions_split_and_join() -> None:
    assert split_api_version("v1") == ("", "v1")
    assert split_api_version("apps/v1") == ("apps", "v1")
    assert join_api_version(*split_api_version("apps/v1")) == "apps/v1"


@given(JSON)
def test_a_digest_does_not_depend_on_key_order(value: object) -> None:
    def turned(node: object) -> object:
        if isinstance(node, dict):
            return {key: turned(node[key]) for key in reversed(list(node))}
        return [turned(item) for item in node] if isinstance(node, list) else node

    assert digest_of(value) == digest_of(turned(value))


def test_a_changed_value_changes_the_digest() -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1"}}
    assert Desired.of(body).digest != Desired.of({**body, "data": {"k": "2"}}).digest


def test_an_inventory_is_a_set_in_which_the_last_entry_wins() -> None:
    inventory = Inventory.of([entry("b"), entry("a", "old")]).union([entry("a", "new")])
    assert [item.name for item in inventory.entries] == ["a", "b"]
    assert inventory.entries[0].digest == "new"
    assert inventory.without([entry("b").ref]).refs == {entry("a").ref}
