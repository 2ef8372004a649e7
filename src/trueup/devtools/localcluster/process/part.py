"""One process of the control plane."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

KEEP_LOG_BYTES = 20_000_000
"""A log longer than this is put aside (one older one is kept) when its part starts."""

LIFELINE = "TRUEUP_LIFELINE"
"""Tells the program to end when its standard input closes; see `go/localcluster/lifeline`."""


_PROGRAMS = {
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}


class Part:
    """A process that ends with this one, however this one ends.

    It reads a pipe of which only this process holds the other end: the kernel closes it even after a SIGKILL.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by which signal), or None if it runs or was never started."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start the process; nothing happens if it runs."""
        if self.pid is not None:
            return
        self._drop()
        if self.log.exists() and self.log.stat().st_size > KEEP_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1.log"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                # Kubernetes' parts name themselves by their program: as field managers, and in events.
                [_PROGRAMS.get(self.name, self._command[0]), *self._command[1:]],
                executable=self._command[0],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                env=_environment(),
                # Ctrl-C in the terminal is for us: we stop the parts in their order.
                start_new_session=True,
            )

    def stop(self, grace: float = 5.0) -> None:
        """End the process: politely, and by SIGKILL after `grace` seconds (at once if 0)."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            if grace > 0:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(grace)
                except subprocess.TimeoutExpired:
                    process.kill()
            else:
                process.kill()
            process.wait()
        self._drop()

    def _drop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def last_words(self, lines: int = 15) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _environment() -> dict[str, str]:
    # A proxy of the user's must not come between the parts, and none of them needs to know anything else.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "TZ") if name in os.environ}
    return {**kept, LIFELINE: "1"}
