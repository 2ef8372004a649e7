"""What can go wrong with a command, in one line for people, and the exit codes."""

from __future__ import annotations

FAILED, BAD_USE, TIMED_OUT = 1, 2, 3


class Problem(Exception):
    """Ends a command: `message` says what failed, `hint` what to do next, `code` is the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
