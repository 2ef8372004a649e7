"""What can go wrong with a question or a command, in words for people."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What went wrong. The values are the command line's exit codes."""

    FAILED = 1
    """It was understood, and could not be done or did not end well."""

    BAD_USE = 2
    """It names what does not exist, or asks for what does not go together."""

    TIMED_OUT = 3
    """Nothing came in time; what was asked for goes on."""


class Problem(Exception):
    """Ends a question or a command: `message` says what failed, `hint` what to do next."""

    def __init__(self, message: str, hint: str = "", kind: Kind = Kind.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind
