"""What one Git process may use: a hostile server decides how much it sends, and whatever it sends is held somewhere."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from itertools import chain, repeat
from pathlib import Path

import msgspec

MEGABYTE = 1024 * 1024
PAUSES = (0.0, 0.05, 0.15, 0.3, 0.5)
"""Seconds before each search for the process' helpers, which it starts by itself; then it is each second."""


class ProcessBounds(msgspec.Struct, frozen=True):
    """Seconds, and bytes of output, of memory and of one file written; 0 is no bound."""

    timeout: float = 60.0
    output: int = 256 * MEGABYTE
    memory: int = 0
    file: int = 0


async def hold_to(pid: int, bounds: ProcessBounds) -> None:
    """Keep a process and all that it has started within its bounds, until cancelled."""
    held: set[int] = set()
    for pause in chain(PAUSES, repeat(1.0)):
        await asyncio.sleep(pause)
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
