"""A live object is as it was left, in whatever version it was read."""

from __future__ import annotations

import pytest

from trueup.core.model.objects import CREATED, SHARED, InventoryEntry


@pytest.mark.parametrize(
    ("left", "seen", "fits"),
    [
        ("fields.values", "fields.values", True),
        ("fields.values", "fields.others", False),
        ("fields.values", "others.values", False),
        ("fields.values", "fields.", True),
        ("fields.", "fields.values", True),
        ("fields.", "others.", False),
        ("fields.values", "", False),
        ("", "fields.values", False),
        ("", "", False),
        (CREATED, "fields.values", True),
        (CREATED, "", True),
        (SHARED, "fields.values", False),
    ],
)
def test_the_fields_decide_and_the_values_where_both_are_known(left: str, seen: str, fits: bool) -> None:
    entry = InventoryEntry("", "ConfigMap", "default", "a", "v1", "digest", left)
    assert entry.fits(seen) is fits
