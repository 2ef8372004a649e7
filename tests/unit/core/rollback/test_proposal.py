"""What a proposal tells people, and what in it cannot be made to say something else."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from trueup.core.model.artifact import Provenance, Signature
from trueup.core.model.objects import ObjectRef
from trueup.core.rollback.proposal import BODY_LIMIT, TITLE_LIMIT, Proposed, body_of, title_of

UNIT = ObjectRef("argoproj.io", "Application", "argocd", "shop")
BAD, GOOD = "b" * 40, "a" * 40


def commit(message: str, author: str = "Ada") -> Provenance:
    who = Signature(author, "ada@example.com", datetime(2026, 3, 1, 12, tzinfo=UTC))
    return Provenance(BAD, "c" * 40, who, who, message)


def test_the_text_says_who_why_and_what_comes_back() -> None:
    failed = ("Deployment shop/web: image cannot be pulled",)
    body = body_of(UNIT, f"main@sha1:{BAD}", commit("Use the new image\n\nmore"), failed, f"main@sha1:{GOOD}")
    for part in (str(UNIT), "Use the new image", "Ada", "image cannot be pulled", "`aaaaaaaa`", "`bbbbbbbb`"):
        assert part in body
    assert title_of(BAD, commit("Use the new image\n\nmore")) == 'Revert "Use the new image"'
    assert title_of(BAD, None) == f'Revert "{BAD[:8]}"'


def test_a_commit_message_mentions_nobody_and_closes_nothing() -> None:
    body = body_of(UNIT, BAD, commit("`@everyone fixes #1` <img src=x>"), ("`@admin`",), GOOD)
    for line in body.splitlines():
        outside = "".join(line.split("`")[::2])
        assert "@" not in outside and "#1" not in outside and "<img" not in outside


@given(st.text(), st.lists(st.text(), max_size=60))
def test_texts_are_bounded_and_hold_no_line_of_others(message: str, failed: list[str]) -> None:
    body = body_of(UNIT, BAD, commit(message), tuple(failed), GOOD)
    assert len(body) <= BODY_LIMIT
    assert all(line.count("`") % 2 == 0 for line in body.splitlines())
    title = title_of(BAD, commit(message))
    assert len(title) <= TITLE_LIMIT and len(title.splitlines()) == 1


def test_what_was_made_is_shown_by_its_address_or_else_its_branch() -> None:
    assert str(Proposed("trueup/revert-1", "https://example.com/pulls/1", 1)) == "https://example.com/pulls/1"
    assert str(Proposed("trueup/revert-1")) == "branch trueup/revert-1"
