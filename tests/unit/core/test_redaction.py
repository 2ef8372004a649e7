"""What must be told to nobody is in no text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.redaction import Veil, hide_user, redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://git.example.com/a/b.git", "https://git.example.com/a/b.git"),
        ("https://alice:word@git.example.com/a", "https://***@git.example.com/a"),
        ("https://token@git.example.com/a", "https://***@git.example.com/a"),
        ("https://alice:w/or/d@git.example.com/a", "https://***@git.example.com/a"),
        ("https://alice:w@rd@git.example.com/a", "https://***@git.example.com/a"),
        ("https://al/ice:word@git.example.com/a", "https://***@git.example.com/a"),
        ("https://alice:w' o\"rd@git.example.com/a", "https://***@git.example.com/a"),
        ("https://alice:w://d@git.example.com/a", "https://***@git.example.com/a"),
        ("https://git.example.com/a@v1/b", "https://git.example.com/a@v1/b"),
        ("ssh://git@git.example.com:22/a", "ssh://***@git.example.com:22/a"),
        ("git@git.example.com:a/b", "git@git.example.com:a/b"),
        ("alice:word@git.example.com:a/b", "***@git.example.com:a/b"),
        ("/var/repositories/a", "/var/repositories/a"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert hide_user(url) == shown


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(lambda text: f"wo{text}rd"))
def test_whatever_a_password_holds(password: str) -> None:
    assert hide_user(f"https://alice:{password}@git.example.com/a") == "https://***@git.example.com/a"


def test_in_a_text() -> None:
    said = "fatal: unable to access 'https://alice:w@rd@git.example.com/a/': authorization: Basic abc; see http://x/y@z"
    assert redact(said) == (
        "fatal: unable to access 'https://***@git.example.com/a/': authorization: *** see http://x/y@z"
    )
    assert redact("the word is s3cret/word, or s3cret%2Fword", ["s3cret/word"]) == "the word is ***, or ***"


@pytest.mark.parametrize(
    ("secret", "text", "covered"),
    [
        ("geheim", '"ein geheimes Wort"', True),
        ("geheim", '"offen"', False),
        ('a "quoted" word', '"a \\"quoted\\" word"', True),
        ("zwei\nZeilen", '"zwei\\nZeilen"', True),
        ("schlüssel-wort", '"schl\\u00fcssel-wort"', True),
        ("long-" * 100, f'"{"long-" * 60}…', True),
        ("long-token-of-many-letters", '"{"before": "long-tok…', True),
        ("long-token-of-many-letters", '"long-tok"', False),
        ("abc", "abc", False),
    ],
)
def test_a_veil_knows_a_secret_in_every_form(secret: str, text: str, covered: bool) -> None:
    assert Veil([secret]).covers(text) is covered
    if covered and not text.endswith("…"):
        assert redact(text, [secret]) != text
