"""The story of `make demo`, told by the command itself: every step holds, and it leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_story_holds_from_the_first_deployment_to_the_disaster(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trueup.cli.main", "demo"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = [line for line in done.stdout.splitlines() if line.startswith("✓")]
    assert len(summary) >= 10, done.stdout
    assert all(re.search(r"\d+\.\d\d s$", line) for line in summary)
    left = subprocess.run(["pgrep", "-f", "trueup-demo-"], capture_output=True, text=True).stdout.split()
    assert left == [], "processes of the demo are left"
