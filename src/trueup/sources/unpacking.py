"""Puts the files of a layer into a Git repository; run as a script (see `trueup.scripts`).

`unpacking.py GIT BLOB REF STRIP TREE FILE FILES DEPTH`, with `GIT_DIR` set and the commit's message on standard input.
BLOB is a tarball, gzipped or not. STRIP is `1` where every path begins with a folder that is left out. The last four
are limits: bytes of all files, of one file, the number of entries, folders within folders. Nothing is written to disk
but Git's objects. Prints `{}`, or `{"refused": WORDS, "too_large": BOOL}`.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import posixpath
import resource
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

CHUNK = 1024 * 1024
MEMORY = 768 * 1024 * 1024
"""Bytes of memory that unpacking may take: what names and headers claim to be is held in it."""

HEADERS = 64 * 1024 * 1024
"""Bytes of a tarball beside its files' contents."""


class Limits(NamedTuple):
    """What a layer may hold."""

    tree: int
    file: int
    files: int
    depth: int


class Refused(Exception):
    """A layer is not taken; the words say why."""

    def __init__(self, words: str, too_large: bool = False) -> None:
        super().__init__(words)
        self.too_large = too_large


class Bounded:
    """Reads what is unpacked, up to so many bytes."""

    def __init__(self, file: Any, limit: int) -> None:
        self._file = file
        self._left = limit
        self._limit = limit

    def read(self, size: int = -1) -> bytes:
        """Read some bytes. Raises `Refused` where more come than may."""
        data: bytes = self._file.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise Refused(f"unpacked it is larger than {self._limit // 2**20} MiB", True)
        return data


def main() -> dict[str, Any]:
    """Unpack, and say what came of it."""
    git, blob, ref, strip, *numbers = sys.argv[1:]
    limits = Limits(*map(int, numbers))
    message = sys.stdin.buffer.read()
    command = [git, "fast-import", "--quiet", "--force", "--date-format=raw"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as importing:
        assert importing.stdin is not None
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            out = importing.stdin
            out.write(f"commit {ref}\ncommitter Trueup <trueup@localhost> 0 +0000\n".encode())
            out.write(b"data %d\n%b\n" % (len(message), message))
            if not _files(blob, strip == "1", limits, out):
                raise Refused("it holds no files")
            out.write(b"\n")
            out.close()
        except BaseException:
            importing.kill()
            with contextlib.suppress(BrokenPipeError):
                importing.stdin.close()
            raise
    if importing.returncode:
        raise Refused("Git does not take its files")
    return {}


def _files(blob: str, strip: bool, limits: Limits, out: IO[bytes]) -> int:
    total = count = files = 0
    with Path(blob).open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: Any = Bounded(gzip.GzipFile(fileobj=raw) if zipped else raw, limits.tree + HEADERS)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in _members(tar):
                count += 1
                if count > limits.files:
                    raise Refused(f"it holds more than {limits.files} entries", True)
                path = _path(member.name, strip)
                if not path or member.isdir():
                    continue
                if len(path.split("/")) > limits.depth:
                    raise Refused(f"{path!r} lies deeper than {limits.depth} folders", True)
                total += member.size
                if member.size > limits.file or total > limits.tree:
                    most = f"one file may have {limits.file // 2**20} MiB, all {limits.tree // 2**20} MiB"
                    raise Refused(f"it is too large at {path!r}: {most}", True)
                _write(tar, member, path, out)
                files += 1
    return files


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        # All that were read stay in a list else.
        tar.members = []  # type: ignore[attr-defined]
        yield member


def _path(name: str, strip: bool) -> str:
    """Give a path as Git has it, empty for the root. Raises `Refused` for one that leads out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or "\0" in name or any(part == ".." or part.lower() == ".git" for part in parts):
        raise Refused(f"the path {name!r} leads out of it")
    return "/".join(parts[1:] if strip else parts)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, out: IO[bytes]) -> None:
    if member.issym():
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
        if member.linkname.startswith("/") or target == ".." or target.startswith("../"):
            raise Refused(f"the link {path!r} leads out of it, to {member.linkname!r}")
        link = member.linkname.encode("utf-8", "surrogateescape")
        out.write(b"M 120000 inline %b\ndata %d\n%b\n" % (_quoted(path), len(link), link))
        return
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        kind = "a hard link" if member.islnk() else "neither a file, a folder nor a link"
        raise Refused(f"{path!r} is {kind}, which is not taken")
    mode = b"100755" if member.mode & 0o100 else b"100644"
    out.write(b"M %b inline %b\ndata %d\n" % (mode, _quoted(path), member.size))
    left = member.size
    while left > 0:
        data = content.read(min(left, CHUNK))
        if not data:
            raise Refused("it ends in the middle of a file")
        out.write(data)
        left -= len(data)
    out.write(b"\n")


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


if __name__ == "__main__":
    try:
        said = main()
    except Refused as refused:
        said = {"refused": str(refused), "too_large": refused.too_large}
    except MemoryError:
        said = {"refused": "unpacking it takes too much memory", "too_large": True}
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as broken:
        said = {"refused": f"it is no tarball: {broken}", "too_large": False}
    except BrokenPipeError:
        said = {"refused": "Git does not take its files", "too_large": False}
    except OSError as error:
        said = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    sys.stdout.write(json.dumps(said))
