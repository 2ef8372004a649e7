"""Building one Go package to a binary, cached by the digest of its inputs."""

import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from trueup.devtools.toolchain.cache import cache_folder, discard_oldest, locked
from trueup.devtools.toolchain.digest import digest_of_inputs
from trueup.devtools.toolchain.go import Go, find_go, wanted_version
from trueup.devtools.toolchain.progress import ProgressSink, Step, reporting

STRIPPED = ("-ldflags", "-s -w")
"""Without the symbols that only a debugger reads."""

KEEP_VERSIONS = 4
"""Built versions kept of each binary, the most recently used ones."""

ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-trimpath -buildvcs=false",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
"""What the result must depend on is set here and not taken from the user's environment."""


class BuildFailed(Exception):
    """A Go program did not compile; the message ends with what the compiler said."""


def build(
    module: Path,
    package: str,
    name: str,
    *,
    progress: ProgressSink,
    flags: Sequence[str] = STRIPPED,
    expected: float | None = None,
) -> Path:
    """Build the Go package `package`, as seen from the folder `module`, and return the path of the binary `name`.

    Nothing is built when a binary of the same inputs is in the cache: go.mod, go.sum, the sources, Go's version and
    the flags. Safe for many processes at once: one builds, the others wait for its result, and a binary appears only
    when it is complete. `flags` are those of `go build`; `expected` is about how many seconds a first build takes,
    until this machine has measured its own.

    Raises BuildFailed if it does not compile, GoMissing if there is no Go.
    """
    go = find_go(wanted_version(module), progress)
    arguments = [*flags, package]
    settings = [go.version, *(f"{key}={value}" for key, value in sorted(ENVIRONMENT.items())), *_target(), *arguments]
    versions = cache_folder() / "bin" / name
    result = versions / digest_of_inputs(module, settings) / name
    if _use(result):
        return result

    def waiting() -> None:
        step = Step(f"Waiting for another process that builds {name}", None, progress)
        step.report()

    with locked(versions / "lock", waiting):
        if _use(result):
            return result
        measured = versions / "seconds"
        with reporting(f"Building {name}", _last_duration(measured) or expected, progress) as step:
            _compile(go, module, arguments, result, step)
            if step.elapsed > (_last_duration(measured) or 0.0):
                # The longest is the honest guess for a cold build; a warm Go cache makes it shorter.
                measured.write_text(f"{step.elapsed:.0f}")
        discard_oldest(versions, KEEP_VERSIONS)
    return result


def _target() -> list[str]:
    return [f"{key}={os.environ.get(key, '')}" for key in ("GOOS", "GOARCH", "GOAMD64", "GOARM64")] + [
        f"machine={os.uname().sysname}/{os.uname().machine}"
    ]


def _use(result: Path) -> bool:
    try:
        # The time of use decides which versions are kept.
        os.utime(result.parent)
    except FileNotFoundError:
        return False
    return result.exists()


def _last_duration(measured: Path) -> float | None:
    try:
        return float(measured.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _compile(go: Go, module: Path, arguments: Sequence[str], result: Path, step: Step) -> None:
    result.parent.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".part-", dir=result.parent.parent))
    try:
        # -v names each package as it is done, which is the only sign of life that the compiler gives.
        command = [str(go.executable), "build", "-v", "-o", str(staging / result.name), *arguments]
        said: deque[str] = deque(maxlen=40)
        packages = 0
        process = subprocess.Popen(
            command,
            cwd=module,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            assert process.stderr is not None
            for raw in process.stderr:
                text = raw.rstrip()
                if text.startswith("go: downloading "):
                    step.detail = f"downloading {text.split()[2]}"
                elif " " in text or ":" in text:
                    said.append(text)
                else:
                    packages += 1
                    step.detail = f"{packages} packages compiled"
            code = process.wait()
        finally:
            # Interrupted: leave no compiler running behind.
            if process.poll() is None:
                process.terminate()
                process.wait()
        if code != 0:
            raise BuildFailed(f"Building {result.name} in {module} failed:\n" + "\n".join(said))
        shutil.rmtree(result.parent, ignore_errors=True)
        staging.rename(result.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
