"""Comments that are known again: a marker stands in each, in an HTML comment that no host shows."""

from __future__ import annotations

import hashlib

LONGEST = 60_000
"""Characters of a comment; the least of what the hosts take is above."""


def marked(marker: str, body: str) -> str:
    """Give a comment's text with its marker, cut where it is too long."""
    return f"{sign(marker)}\n{body[:LONGEST]}"


def sign(marker: str) -> str:
    """Give the marker as it stands in a comment: a digest, so that nothing in it can end the HTML comment."""
    return f"<!-- trueup:{hashlib.sha256(marker.encode()).hexdigest()[:24]} -->"


def line(text: str, limit: int) -> str:
    """Bring a text to one line of at most so many characters."""
    words = " ".join(text.split())
    return words if len(words) <= limit else f"{words[: limit - 1]}…"
