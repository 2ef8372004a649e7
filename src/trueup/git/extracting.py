"""Writes the files of a tree to disk. Large ones are written by this module run as a script (see `trueup.scripts`).

`extracting.py GIT FOLDER [BASE]`, with `GIT_DIR` set. Standard input has a record for each file, ended by a NUL:
`MODE ID HOW PATH`. HOW is one of

- `write`: it is copied out of the repository byte by byte; no filter, no attribute and no hook has a say;
- `link`: it stands in BASE, an earlier tree, as it is wanted here: it is linked, since neither is ever changed;
- `keep`: FOLDER was an earlier tree itself, and the file stands there as it is wanted;
- `gone`: it stands in FOLDER, and not as it is wanted. These records come first.

Prints `{}`, or `{"missing": PATH}` for what the repository lacks.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from typing import IO

CHUNK = 1024 * 1024
LINK = b"120000"
EXECUTABLE = b"100755"

File = tuple[bytes, bytes, bytes]
"""Mode, object id and path."""


def main() -> dict[str, object]:
    """Read what is wanted, and write it."""
    git, folder, *rest = (os.fsencode(each) for each in sys.argv[1:])
    return extract(git, folder, rest[0] if rest else b"", sys.stdin.buffer.read(), dict(os.environ))


def extract(git: bytes, folder: bytes, base: bytes, records: bytes, environment: dict[str, str]) -> dict[str, object]:
    """Write the files that `records` name into `folder` (blocking). Raises OSError.

    `base` is the tree before, empty where there is none.
    """
    linked: list[File] = []
    written: list[File] = []
    folders = {folder}
    for record in records.split(b"\0"):
        if record:
            mode, object_id, how, path = record.split(b" ", 3)
            if how == b"gone":
                _remove(folder, path, folders)
            elif how != b"keep" or not os.path.lexists(os.path.join(folder, path)):
                (linked if how == b"link" else written).append((mode, object_id, path))
    if base:
        written += [file for file in linked if not _linked(base, folder, file, folders)]
    missing = _extracted(git, folder, written, folders, environment) if written else None
    if missing is not None:
        return {"missing": missing.decode("utf-8", "surrogateescape")}
    for each in folders - {folder}:
        os.chmod(each, 0o555)
    return {}


def _linked(base: bytes, folder: bytes, file: File, folders: set[bytes]) -> bool:
    """Link a file; `False` where it cannot be, as when the earlier tree has lost it."""
    _, _, path = file
    target = _place(folder, path, folders)
    try:
        os.link(os.path.join(base, path), target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _remove(folder: bytes, path: bytes, folders: set[bytes]) -> None:
    """Remove a file, and the folders that are empty without it. `gone` records stand before all others."""
    target = _place(folder, path, folders)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    above = os.path.dirname(target)
    while above != folder:
        try:
            os.rmdir(above)
        except OSError:
            return
        folders.discard(above)
        above = os.path.dirname(above)


def _place(folder: bytes, path: bytes, folders: set[bytes]) -> bytes:
    """Make the folders above a file, or make them writable, and give where it goes. `folders` are those that are."""
    target = os.path.join(folder, path)
    missing: list[bytes] = []
    above = os.path.dirname(target)
    while above not in folders:
        missing.append(above)
        above = os.path.dirname(above)
    for each in reversed(missing):
        try:
            os.mkdir(each)
        except FileExistsError:
            # Nothing is ever written through a link.
            if not stat.S_ISDIR(os.lstat(each).st_mode):
                raise
            os.chmod(each, 0o755)
        folders.add(each)
    return target


def _extracted(
    git: bytes, folder: bytes, files: list[File], folders: set[bytes], environment: dict[str, str]
) -> bytes | None:
    """Write files; gives the path of one that the repository lacks, `None` where it has all."""
    with subprocess.Popen(
        [git, b"cat-file", b"--batch"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        # Written from a thread of its own: Git answers before it has read everything.
        ids = [object_id for _, object_id, _ in files]
        threading.Thread(target=_ask, args=(process.stdin, ids), daemon=True).start()
        for mode, _, path in files:
            head = process.stdout.readline().split()
            if len(head) != 3 or head[1] != b"blob":
                process.kill()
                return path
            size = int(head[2])
            target = _place(folder, path, folders)
            if mode == LINK:
                os.symlink(process.stdout.read(size), target)
            else:
                with open(target, "xb") as file:
                    _copy(process.stdout, file, size)
                os.chmod(target, 0o555 if mode == EXECUTABLE else 0o444)
            process.stdout.read(1)
    return None


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy so many bytes, of which only some are held at once."""
    while size > 0 and (chunk := source.read(min(size, CHUNK))):
        target.write(chunk)
        size -= len(chunk)


def _ask(stdin: IO[bytes], ids: list[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(b"".join(each + b"\n" for each in ids))


if __name__ == "__main__":
    try:
        said = main()
    except OSError as error:
        said = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    print(json.dumps(said))
