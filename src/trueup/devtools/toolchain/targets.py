"""The Go programs of this project, by name."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from trueup.devtools.toolchain.build import STRIPPED, build
from trueup.devtools.toolchain.progress import ProgressPrinter, ProgressSink

KUBERNETES_VERSION = "v1.37.2"
"""What `go/localcluster/go.mod` links; the linker writes it into the binary, which otherwise calls itself v0.0.0."""

PREBUILT = "TRUEUP_BINARIES"
"""The environment variable that names a folder of ready-made binaries, for machines that are not to compile."""


class UnknownBinary(Exception):
    """No Go program of this name belongs to the project."""


class SourceMissing(Exception):
    """The Go sources are neither in the repository nor in the package."""


class Target(msgspec.Struct, frozen=True):
    """What to build: the module's folder under `go/`, the package in it, the linker's -X definitions, and build tags.

    `cpu_seconds` is about what a first build costs on one core.
    """

    module: str
    package: str
    cpu_seconds: float
    definitions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of `go build`."""
        linking = " ".join([STRIPPED[1], *(f"-X {definition}" for definition in self.definitions)])
        return (STRIPPED[0], linking, *(("-tags", ",".join(self.tags)) if self.tags else ()))


def _version_definitions() -> tuple[str, ...]:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {"gitMajor": major, "gitMinor": minor, "gitVersion": KUBERNETES_VERSION, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"{package}.{key}={value}" for package in packages for key, value in values.items())


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "worker": Target("worker", ".", cpu_seconds=240.0),
        "decrypter": Target("worker", ".", cpu_seconds=180.0, tags=("sops",)),
        "localcluster": Target("localcluster", ".", cpu_seconds=780.0, definitions=_version_definitions()),
        "kwok": Target("localcluster", "./kwok", cpu_seconds=60.0),
    }
)


def binary(name: str, progress: ProgressSink | None = None) -> Path:
    """Return the path of the Go program `name` (a key of TARGETS), built if the cache does not have it.

    A folder named by `$TRUEUP_BINARIES` is looked at first. Blocks while it builds, which may be minutes: call it
    from a thread. Raises UnknownBinary, SourceMissing, GoMissing or BuildFailed.
    """
    target = TARGETS.get(name)
    if target is None:
        raise UnknownBinary(f"There is no Go program {name!r}: choose one of {', '.join(TARGETS)}")
    prebuilt = os.environ.get(PREBUILT)
    if prebuilt and (ready := Path(prebuilt) / name).is_file():
        return ready
    return build(
        module_folder(target.module),
        target.package,
        name,
        progress=progress if progress is not None else ProgressPrinter(),
        flags=target.flags,
        expected=target.cpu_seconds / (os.cpu_count() or 1),
    )


def module_folder(module: str) -> Path:
    """Return the folder with the Go module's sources: in the repository, or packed into the installed package."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package.parents[1] / "go" / module, package / "_go" / module):
        if (folder / "go.mod").is_file():
            return folder
    raise SourceMissing(
        f"The sources of go/{module} are not beside this installation: run from a clone of the repository, or name a "
        f"folder of built binaries in ${PREBUILT}"
    )
