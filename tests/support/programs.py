"""Programs that tests need and the project does not: built once from their Go modules, into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from trueup.devtools.toolchain.cache import cache_folder, locked

BUILD_SECONDS = 1200
PATIENCE_OF_A_TEST = 200


class GoProgram(NamedTuple):
    """A program by its name, its package, the module's version, and the folder of that version in the cache."""

    name: str
    package: str
    version: str
    folder: str

    @property
    def variable(self) -> str:
        """The environment variable that names another one."""
        return f"TRUEUP_TEST_{self.name.upper()}"


def built(wanted: GoProgram, seconds: float = PATIENCE_OF_A_TEST) -> str:
    """Give a program, built if it is nowhere; where that cannot be done in time, tests are skipped."""
    if named := os.environ.get(wanted.variable):
        return named
    result = cache_folder() / "bin" / wanted.name / wanted.folder / wanted.name
    with locked(result.parent / "lock"):
        if not result.exists():
            go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
            if go is None:
                pytest.skip(f"there is no {wanted.name}, and no Go to build one: set {wanted.variable}")
            part = result.with_suffix(".part")
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "go.mod").write_text(f"module example.com/{wanted.name}\n\ngo 1.24\n")
                for command in (
                    [go, "get", f"{wanted.package}@{wanted.version}"],
                    [go, "build", "-o", str(part), wanted.package],
                ):
                    _run(command, Path(folder), seconds)
            part.rename(result)
    return str(result)


def _run(command: list[str], folder: Path, seconds: float) -> None:
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
    words = f"`{' '.join(command)}`"
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words} takes longer than {seconds:.0f} s")
    if done.returncode:
        pytest.skip(f"{words} failed: {done.stderr[-300:]}")


def build_beforehand(wanted: GoProgram) -> None:
    """Build a program with the time that takes, and say where it is, or why it is not."""
    try:
        print(f"{wanted.name} for tests: {built(wanted, BUILD_SECONDS)}")
    except pytest.skip.Exception as reason:
        print(f"no {wanted.name} for tests, they are skipped: {reason}")
