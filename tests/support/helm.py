"""The real `helm`, built from its Go module at the version that the worker has, once, into the user's cache.

TRUEUP_TEST_HELM names another. It takes minutes, so `make test` does it beforehand (`python -m support.helm`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from support.programs import GoProgram, build_beforehand, built

MODULE = "helm.sh/helm/v4"
WORKER = Path(__file__).parents[2] / "go" / "worker" / "go.mod"


def version() -> str:
    """Give the version of Helm's libraries that the worker is built with."""
    words = next(line.split() for line in WORKER.read_text().splitlines() if line.strip().startswith(f"{MODULE} "))
    return words[1]


def helm_program() -> str:
    """Give the program, built if it is nowhere."""
    return built(_program())


def _program() -> GoProgram:
    package, wanted = f"{MODULE}/cmd/helm", version()
    return GoProgram("helm", package, wanted, hashlib.sha256(f"{package}@{wanted}".encode()).hexdigest()[:32])


if __name__ == "__main__":
    build_beforehand(_program())
