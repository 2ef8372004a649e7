"""Work on many files, in a process of its own: in a thread it would wait for the event loop at every single file.

A script is a file beside the module that starts it. It needs nothing but the standard library (where that is said: and
what is installed), takes what it works on from its standard input, and prints one JSON object: what came of it, or
`errno` and `words` of an `OSError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

_WORDS_KEPT = 2000


async def run_script(
    script: Path,
    arguments: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    libraries: bool = False,
) -> dict[str, Any]:
    """Run a script and give what it prints. Raises the `OSError` that it met, or `RuntimeError` with its last words.

    `libraries`: it needs what is installed beside the standard library, and so starts a little later.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        *(() if libraries else ("-S",)),
        str(script),
        *map(str, arguments),
        env=dict(environment if environment is not None else {"PATH": os.defpath}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(stdin)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(Exception):
            await asyncio.shield(process.wait())
        raise
    if process.returncode:
        raise RuntimeError(f"{script.name} ended with {process.returncode}: {_last(errors)}")
    said: dict[str, Any] = msgspec.json.decode(output, type=dict[str, Any])
    if "errno" in said:
        raise OSError(said["errno"], said["words"])
    return said


def _last(errors: bytes) -> str:
    return errors[-_WORDS_KEPT:].decode(errors="replace").strip()
