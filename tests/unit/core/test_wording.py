"""Texts are cut after a word, say that they are, and never grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.wording import cut


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short enough", 12, "short enough"),
        ("the container crash-loops", 15, "the container…"),
        ("the container, which", 15, "the container…"),
        ("the container crash", 14, "the container…"),
        ("a" * 200, 100, "a" * 99 + "…"),
        ("first\nsecond", 8, "first…"),
        ("word " + "a" * 200, 150, "word " + "a" * 144 + "…"),
    ],
)
def test_after_a_word(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(st.text(), st.integers(1, 100))
def test_never_longer_and_a_beginning(text: str, limit: int) -> None:
    found = cut(text, limit)
    assert len(found) <= limit
    assert found == text or (found.endswith("…") and text.startswith(found[:-1]))
