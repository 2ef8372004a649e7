"""A program in a terminal of its own, as somebody sits before it: what it shows, what is typed, how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


class Terminal:
    """Runs a command in a pseudo-terminal, whose Ctrl-C goes to all of the command's processes in its foreground."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Take what to run, how wide the terminal is, and where."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        self._fd = ours
        self._shown = b""
        # `setsid --ctty` makes it the leader of a session that has this terminal, as a login does.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        """Give it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the terminal, which ends what still runs in it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def text(self) -> str:
        """All that was shown, without colours."""
        return _CONTROL.sub("", self._shown.decode(errors="replace"))

    def type(self, text: str) -> None:
        """Type, or paste."""
        os.write(self._fd, text.encode())

    def until(self, pattern: str, patience: float, start: int = 0) -> re.Match[str]:
        """Wait until something is shown behind the first `start` characters. Raises AssertionError with the text."""
        deadline = time.monotonic() + patience
        while True:
            found = re.compile(pattern, re.MULTILINE).search(self.text, start)
            if found:
                return found
            assert self._read(1.0), f"it has ended without {pattern!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"{pattern!r} is not shown after {patience:g} s:\n{self.text}"

    def ended(self, patience: float) -> int:
        """Wait until the command has ended; gives its exit code. Raises AssertionError with the text."""
        deadline = time.monotonic() + patience
        while self._read(0.2) and self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on after {patience:g} s:\n{self.text}"
        code = self.process.wait(max(1.0, deadline - time.monotonic()))
        while select.select([self._fd], [], [], 0.2)[0] and self._read(0.0):
            pass
        return code

    def _read(self, wait: float) -> bool:
        """Take what is shown; gives whether the terminal is still used."""
        if not select.select([self._fd], [], [], wait)[0]:
            return True
        with contextlib.suppress(OSError):
            if more := os.read(self._fd, 65536):
                self._shown += more
                return True
        return False


def pasted(shell: Terminal, command: str, patience: float) -> int:
    """Paste a command into a shell and give its exit code."""
    before = len(shell.text)
    shell.type(f'{command}\necho "=$?="\n')
    return int(shell.until(r"^=(\d+)=$", patience, before)[1])
