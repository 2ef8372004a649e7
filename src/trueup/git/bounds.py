"""What one Git process may use: a hostile server decides how much it sends, and whatever it sends is held somewhere."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from pathlib import Path

import msgspec

MEGABYTE = 1024 * 1024
LOOKS = (0.0, 0.05, 0.2, 0.5, 1.0)
"""Seconds after which the process' helpers, which it starts by itself, are bounded too; then each second."""


class ProcessBounds(msgspec.Struct, frozen=True):
    """Seconds, and bytes of output, of memory and of one file written; 0 is no bound."""

    timeout: float = 60.0
    output: int = 256 * MEGABYTE
    memory: int = 0
    file: int = 0


async def hold_to(pid: int, bounds: ProcessBounds) -> None:
    """Keep a process and all that it has started within its bounds, until cancelled."""
    held: set[int] = set()
    passed = 0.0
    for when in LOOKS:
        await asyncio.sleep(when - passed)
        passed = when
        _bound(pid, bounds, held)
    while True:
        await asyncio.sleep(1.0)
        _bound(pid, bounds, held)


def _bound(pid: int, bounds: ProcessBounds, held: set[int]) -> None:
    for each in _family(pid):
        if each in held:
            continue
        # One that has ended meanwhile, or a system that cannot do it: then time and output are what bounds it.
        with contextlib.suppress(OSError, AttributeError, ValueError):
            if bounds.memory:
                resource.prlimit(each, resource.RLIMIT_AS, (bounds.memory, bounds.memory))
            if bounds.file:
                resource.prlimit(each, resource.RLIMIT_FSIZE, (bounds.file, bounds.file))
            held.add(each)


def _family(pid: int) -> list[int]:
    """Give a process and its descendants, as Linux tells them."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError, ValueError):
            found += [int(child) for child in Path(f"/proc/{each}/task/{each}/children").read_text().split()]
    return found
