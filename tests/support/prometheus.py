"""Debian's Prometheus for tests: installed where this may, otherwise the tests say that they skip."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Give the path of `prometheus` or `promtool`; installs the package as root on Debian, else skips the test."""
    if found := shutil.which(name):
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"{name} is not installed, and only root on Debian could install it here")
    with Path("/tmp/trueup-prometheus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        install = ["apt-get", "install", "-y", "--no-install-recommends", "prometheus"]
        for command in () if shutil.which(name) else (["apt-get", "update"], install):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
            if done.returncode:
                pytest.skip(f"`{' '.join(command)}` failed: {done.stderr[-300:]}")
    found = shutil.which(name)
    assert found, f"the package brought no {name}"
    return found
