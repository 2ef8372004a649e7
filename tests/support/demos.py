"""Demos that tests start, each in a folder of its own, and what is left of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 540.0
"""Seconds that the demo may take on a machine that is busy with other tests."""
DEMO = [sys.executable, "-m", "trueup.cli.main", "demo"]
# What it depends on is there already, and other tests run from it.
MAKE_DEMO = ["make", "-o", ".venv/.ready", "-o", "binaries", "demo"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary files, as short as that of most machines."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def in_folder(place: Path) -> dict[str, str]:
    """Give an environment whose temporary files are in a folder of the test's own."""
    return {**bare(), "TMPDIR": str(place)}


def bare() -> dict[str, str]:
    """Give an environment that says nothing of a cluster, and in which make is not running already."""
    passing = ("TRUEUP_", "MAKE", "KUBECONFIG", "MFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(passing)}


def nothing_is_left(place: Path) -> None:
    until(lambda: running(place) == [] and not list(place.glob("trueup-demo-*")))


def running(place: Path, word: str = "") -> list[int]:
    """Give the processes whose command names a demo's folder (and a word)."""
    found = subprocess.run(["pgrep", "-f", f"{word}.*{place}/trueup-demo-"], capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
