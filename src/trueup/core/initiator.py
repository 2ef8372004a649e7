"""Who makes a request: the annotation that names the person, and how far that name is to be believed."""

from __future__ import annotations

from collections.abc import Mapping

REQUESTED_BY = "trueup.dev/requested-by"
"""Holds `TOKEN USER`: the token of the request that is meant, and who makes it.

A request that stands in a field of the object has its token in that field's `info`, under this same name.
"""

LONGEST_NAME = 256


def requested_by(annotations: Mapping[str, str], token: str) -> str:
    """Name who made the request with this token; empty where another one is meant, or nobody is named."""
    made, _, who = annotations.get(REQUESTED_BY, "").partition(" ")
    return who.strip()[:LONGEST_NAME] if token and made == token else ""


def initiator(name: str, *, proven: bool) -> str:
    """Give the name of who made a request as it is told: with a word where nobody but the request says so."""
    return name if proven or not name else f"{name} (not proven)"
