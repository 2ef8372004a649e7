"""Builds the project's Go programs, once per digest of their inputs, and says where they are.

Finds Go (or brings it), compiles, and keeps the binaries under the user's cache folder. Knows nothing of what the
programs do: `localcluster` and `render` ask for a binary by name and run it.
"""

from trueup.devtools.toolchain.build import BuildFailed, build
from trueup.devtools.toolchain.cache import cache_folder
from trueup.devtools.toolchain.go import Go, GoMissing, find_go
from trueup.devtools.toolchain.progress import Progress, ProgressPrinter, ProgressSink
from trueup.devtools.toolchain.targets import TARGETS, SourceMissing, Target, UnknownBinary, binary

__all__ = [
    "TARGETS",
    "BuildFailed",
    "Go",
    "GoMissing",
    "Progress",
    "ProgressPrinter",
    "ProgressSink",
    "SourceMissing",
    "Target",
    "UnknownBinary",
    "binary",
    "build",
    "cache_folder",
    "find_go",
]
