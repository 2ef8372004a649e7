"""The digest of all that a build's result depends on."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def input_files(module: Path) -> Iterator[Path]:
    """Yield every file of the module that a build may read, in a fixed order: tests and hidden files are left out."""
    for folder, folders, files in os.walk(module):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")) and name != "testdata")
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith("_test.go"):
                yield Path(folder, name)


def digest_of_inputs(module: Path, settings: Iterable[str]) -> str:
    """Return a hexadecimal digest of the module's files (names and content) and of the build's settings."""
    digest = hashlib.sha256()
    for setting in settings:
        digest.update(f"setting {len(setting)} {setting}\n".encode())
    for path in input_files(module):
        content = path.read_bytes()
        digest.update(f"file {path.relative_to(module)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]
