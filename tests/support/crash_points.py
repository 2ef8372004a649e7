"""Which of a sync's writes a controller is killed at: a sample that each commit draws anew, or all of them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import NamedTuple

SAMPLED = 6


class CrashPoint(NamedTuple):
    """Right `before` or `after` the n-th write, counted from 1."""

    when: str
    write: int


def crash_points(writes: int, *, everything: bool, seed: str) -> list[CrashPoint]:
    """Give all crash points of so many writes in order, or a sample of them that the seed decides.

    The first and the last write are always among them: what is recorded before any change, and what is left open.
    """
    points = [CrashPoint(when, write) for write in range(1, writes + 1) for when in ("before", "after")]
    if everything or len(points) <= SAMPLED:
        return points
    ends, between = [points[1], points[-2]], [*points[:1], *points[2:-2], *points[-1:]]
    return sorted({*ends, *random.Random(seed).sample(between, SAMPLED - len(ends))}, key=points.index)


def seed_of_the_commit() -> str:
    """Name the commit that is tested: the same one is tested in the same way."""
    command = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip() or "no commit"
