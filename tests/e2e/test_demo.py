"""The story of `make demo`, told by the command itself: every step holds, and it leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 540.0
"""Seconds that the demo may take on a machine that is busy with other tests."""


@pytest.mark.timeout(600)
def test_the_story_holds_from_the_first_deployment_to_the_disaster(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trueup.cli.main", "demo"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"the demo is not over after {PATIENCE:g} s:\n{(late.stdout or b'').decode()}") from late
    assert done.returncode == 0, done.stdout + done.stderr
    summary = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(summary) >= 10, done.stdout
    assert all(re.search(r"\d+\.\d\d s$", line) for line in summary)
    left = subprocess.run(["pgrep", "-f", "trueup-demo-"], capture_output=True, text=True).stdout.split()
    assert left == [], "processes of the demo are left"
