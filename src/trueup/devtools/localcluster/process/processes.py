"""Processes told apart for longer than their number lasts, and what the system says of them.

A process id is given again in time, so each is kept with when the process was born.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

_PROC = Path("/proc")
# Fields of /proc/PID/stat after the command's name, see proc_pid_stat(5): the state is the 3rd, the start the 22nd.
_STATE, _BORN = 0, 19


class Process(msgspec.Struct, frozen=True):
    """A process: its id, and when it was born (empty where the system does not say: it has no `/proc`)."""

    pid: int = 0
    born: str = ""

    @classmethod
    def of(cls, pid: int) -> Process:
        """Give the process that has this id now."""
        return cls(pid, _born(pid))

    @property
    def lives(self) -> bool:
        """Whether it runs, and is not only a dead one that nobody has asked for, or another with the same id."""
        if self.pid <= 0:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            # It is another user's; ours would let itself be asked.
            return False
        return _born(self.pid) == self.born

    @property
    def since(self) -> datetime | None:
        """When it was born, to the second; `None` where nobody knows."""
        boot, _, ticks = self.born.partition("+")
        if not ticks or boot != _boot():
            return None
        age = _uptime() - int(ticks) / os.sysconf("SC_CLK_TCK")
        return (datetime.now(UTC) - timedelta(seconds=age)).replace(microsecond=0)

    @property
    def memory(self) -> int | None:
        """The bytes it holds in memory; `None` where nobody knows."""
        try:
            pages = int((_PROC / str(self.pid) / "statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE")


def _born(pid: int) -> str:
    """Name the birth of a process, by the boot of the machine and its clock ticks since; empty: dead or not known."""
    try:
        # The command's name stands in brackets and may hold anything.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    if len(fields) <= _BORN:
        return ""
    return "dead" if fields[_STATE] in "ZX" else f"{_boot()}+{fields[_BORN]}"


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _uptime() -> float:
    return float((_PROC / "uptime").read_text().split()[0])
