"""Puts the objects of a bucket into a Git repository; run as a script (see `trueup.scripts`).

`importing.py GIT REF`, with `GIT_DIR` set. Standard input is a JSON object: `message` of the commit, `files` (pairs of
a path and the file on disk), `known` (pairs of a path and its blob's id in the repository), and `note`, a text that is
kept beside, at `REF-note`. Prints `{}`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any


def main() -> dict[str, Any]:
    """Write the commits, and say what came of it."""
    git, ref = sys.argv[1:]
    given = json.load(sys.stdin.buffer)
    command = [git, "fast-import", "--quiet", "--force", "--date-format=raw"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as importing:
        assert importing.stdin is not None
        try:
            out = importing.stdin
            _begin(out, f"{ref}-note", b"{}")
            _inline(out, "note", given["note"].encode("utf-8", "surrogateescape"))
            _begin(out, ref, given["message"].encode())
            for path, blob in given["known"]:
                out.write(b"M 100644 %b %b\n" % (blob.encode(), _quoted(path)))
            for path, source in given["files"]:
                with Path(source).open("rb") as file:
                    size = Path(source).stat().st_size
                    out.write(b"M 100644 inline %b\ndata %d\n" % (_quoted(path), size))
                    shutil.copyfileobj(file, out)
                    out.write(b"\n")
            out.write(b"\n")
            out.close()
        except BaseException:
            importing.kill()
            raise
    if importing.returncode:
        raise OSError(5, "Git does not take the files")
    return {}


def _begin(out: IO[bytes], ref: str, message: bytes) -> None:
    out.write(f"commit {ref}\ncommitter Trueup <trueup@localhost> 0 +0000\n".encode())
    out.write(b"data %d\n%b\n" % (len(message), message))


def _inline(out: IO[bytes], path: str, content: bytes) -> None:
    out.write(b"M 100644 inline %b\ndata %d\n%b\n\n" % (_quoted(path), len(content), content))


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


if __name__ == "__main__":
    try:
        said = main()
    except OSError as error:
        said = {"errno": error.errno or 0, "words": error.strerror or str(error)}
    sys.stdout.write(json.dumps(said))
