"""What can go wrong with a command, in one line for people, and the exit codes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from trueup.core.problem import Kind, Problem

FAILED, BAD_USE, NOT_FOUND = Kind.FAILED, Kind.BAD_USE, Kind.NOT_FOUND

INTERRUPTED = 130
"""What shells say of a command that Ctrl-C has ended."""

READER_GONE = 141
"""What shells say of a command whose reader has seen enough (`| head`)."""

__all__ = ["BAD_USE", "FAILED", "INTERRUPTED", "NOT_FOUND", "READER_GONE", "Problem", "did_you_mean"]


def did_you_mean(word: str, among: Iterable[str]) -> str:
    """Ask whether the word that is most like what was written was meant; empty where none is like it."""
    near = difflib.get_close_matches(word, list(among), 1)
    return f"did you mean '{near[0]}'?" if near else ""
