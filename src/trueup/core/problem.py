"""What can go wrong with a question or a command, in words for people."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What went wrong. The values are the command line's exit codes."""

    FAILED = 1
    """It was understood, and could not be done or did not end well."""

    BAD_USE = 2
    """It cannot be understood, or asks for what does not go together."""

    TIMED_OUT = 3
    """Nothing came in time; what was asked for goes on."""

    NOT_FOUND = 4
    """What it names is not there."""

    NO_CLUSTER = 5
    """The cluster cannot be reached: no kubeconfig that can be used, or nobody who answers."""

    FORBIDDEN = 6
    """The cluster does not know the user, or does not let them."""


class Problem(Exception):
    """Ends a question or a command: `message` says what failed, `hint` what to do next."""

    def __init__(self, message: str, hint: str = "", kind: Kind = Kind.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind
