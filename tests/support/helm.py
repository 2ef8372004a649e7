"""The real `helm`, built from its Go module at the version that the worker has, once, into the user's cache.

TRUEUP_TEST_HELM names another. It takes minutes, so `make test` does it beforehand (`python -m support.helm`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from trueup.devtools.toolchain.cache import cache_folder, locked

MODULE = "helm.sh/helm/v4"
WORKER = Path(__file__).parents[2] / "go" / "worker" / "go.mod"
_BUILD_SECONDS = 1200
_PATIENCE_OF_A_TEST = 200


def version() -> str:
    """Give the version of Helm's libraries that the worker is built with."""
    words = next(line.split() for line in WORKER.read_text().splitlines() if line.strip().startswith(f"{MODULE} "))
    return words[1]


def helm_program(seconds: float = _PATIENCE_OF_A_TEST) -> str:
    """Give the program, built if it is nowhere; where that cannot be done in time, tests are skipped."""
    if named := os.environ.get("TRUEUP_TEST_HELM"):
        return named
    wanted = f"{MODULE}/cmd/helm@{version()}"
    result = cache_folder() / "bin" / "helm" / hashlib.sha256(wanted.encode()).hexdigest()[:32] / "helm"
    with locked(result.parent / "lock"):
        if not result.exists():
            go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
            if go is None:
                pytest.skip("there is no helm, and no Go to build one: set TRUEUP_TEST_HELM")
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "go.mod").write_text("module example.com/helm\n\ngo 1.24\n")
                environment = {**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
                part = result.with_suffix(".part")
                for command in ([go, "get", wanted], [go, "build", "-o", str(part), f"{MODULE}/cmd/helm"]):
                    try:
                        done = subprocess.run(
                            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds
                        )
                    except subprocess.TimeoutExpired:
                        pytest.skip(f"`{' '.join(command)}` takes longer than {seconds:.0f} s")
                    if done.returncode:
                        pytest.skip(f"`{' '.join(command)}` failed: {done.stderr[-300:]}")
                part.rename(result)
    return str(result)


if __name__ == "__main__":
    try:
        print(f"helm for tests: {helm_program(_BUILD_SECONDS)}")
    except pytest.skip.Exception as reason:
        print(f"no helm for tests, they are skipped: {reason}")
