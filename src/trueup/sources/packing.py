"""Packs a tree as a tarball, so that the bytes depend on nothing but its content.

A large tree is packed by this module run as a script (see `trueup.scripts`): `packing.py TREE FILE`. It prints
`{"digest": "sha256:…", "size": BYTES}`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

_NICENESS = 5
"""Whoever fetches the tarball can wait for what a commit changes in the cluster."""


def main() -> dict[str, Any]:
    """Pack, and say what came of it."""
    os.nice(_NICENESS)
    tree, target = (Path(each) for each in sys.argv[1:])
    return pack(tree, target)


def pack(tree: Path, target: Path) -> dict[str, Any]:
    """Pack a tree, and give the tarball's digest and size (blocking). Raises OSError."""
    # Dereferenced: files that are the same on disk are packed whole, each of them.
    with (
        target.open("xb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT, dereference=True) as tar,
    ):
        for folder, folders, files in os.walk(tree):
            folders.sort()
            base = Path(folder)
            for name in sorted((*folders, *files)):
                _add(tar, base / name, tree)
    with target.open("rb") as packed:
        digest = hashlib.file_digest(packed, "sha256").hexdigest()
    return {"digest": f"sha256:{digest}", "size": target.stat().st_size}


def _add(tar: tarfile.TarFile, path: Path, tree: Path) -> None:
    if path.is_symlink():
        # Flux leaves them out, and what unpacks its artifacts refuses them.
        return
    info = tar.gettarinfo(path, path.relative_to(tree).as_posix())
    info.mtime, info.uid, info.gid, info.uname, info.gname = 0, 0, 0, "", ""
    if info.isfile():
        info.mode = 0o755 if info.mode & 0o100 else 0o644
        with path.open("rb") as file:
            tar.addfile(info, file)
        return
    info.mode = 0o755 if info.isdir() else 0o777
    tar.addfile(info)


if __name__ == "__main__":
    try:
        said = main()
    except OSError as error:
        said = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    print(json.dumps(said))
