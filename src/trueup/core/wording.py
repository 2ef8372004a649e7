"""Texts cut to a length, for messages: after a word where it can be, and never without a sign that more was there."""

from __future__ import annotations

ELLIPSIS = "…"
_LOST = 80
"""Characters that may be given up to end after a word; a longer word is cut."""


def cut(text: str, limit: int) -> str:
    """Give at most `limit` characters of a text (at least 1), with `…` at the end where something is left out."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    if not text[limit - 1].isspace():
        end = max(kept.rfind(" ", -_LOST), kept.rfind("\n", -_LOST))
        kept = kept[:end] if end > 0 else kept
    return kept.rstrip(" \n\t,;:.(") + ELLIPSIS
