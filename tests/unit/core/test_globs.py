"""Globs of projects: what fits, what does not, and what cannot be read."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.globs import check_glob, matches


@pytest.mark.parametrize(
    ("text", "glob", "fits"),
    [
        ("team-a", "team-*", True),
        ("team-a", "*", True),
        ("", "*", True),
        ("team-a", "team", False),
        ("team-a", "team-?", True),
        ("team-ab", "team-?", False),
        ("team-a", "team-[a-c]", True),
        ("team-d", "team-[!a-c]", True),
        ("team-a", "{team-a,team-b}", True),
        ("team-c", "{team-a,team-b}", False),
        ("team-b-1", "team-{a,{b,c}-*}", True),
        ("team-*", "team-\\*", True),
        ("team-a", "team-\\*", False),
        ("{a,b}", "\\{a,b\\}", True),
        ("Team", "team", False),
        ("a\nb", "a*b", True),
        ("team", "[", False),
        ("team", "{team", False),
    ],
)
def test_a_text_fits(text: str, glob: str, fits: bool) -> None:
    assert matches(text, glob) is fits


@pytest.mark.parametrize(
    ("text", "glob", "fits"),
    [
        ("https://git.example.com/a", "https://git.example.com/*", True),
        ("https://git.example.com/a/b", "https://git.example.com/*", False),
        ("https://git.example.com/a/b", "https://git.example.com/**", True),
        ("a/ab", "**a*b", True),
        ("https://git.example.com/a", "*", False),
    ],
)
def test_a_star_does_not_reach_across_a_separator(text: str, glob: str, fits: bool) -> None:
    assert matches(text, glob, "/") is fits


@pytest.mark.parametrize("glob", ["[a", "{a", "[b-a]", "a" * 2000, "{a,b}" * 20])
def test_what_cannot_be_read_is_said(glob: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        check_glob(glob)


def test_a_hostile_text_costs_nothing() -> None:
    assert not matches("a" * 5000 + "b", "*a" * 50 + "c")


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_plain_globs_are_those_of_the_shell(glob: str, text: str) -> None:
    assert matches(text, glob) == fnmatchcase(text, glob)
