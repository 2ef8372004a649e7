"""One command of a plugin, confined by the worker's `sandbox`: bounded in time, memory, processes and output.

It sees the files that it is let at and no others, no credentials, and no network unless the operator allows that.
Whatever it has started is ended with it: process groups of its own are refused to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that a command may print."""

WORDS_LIMIT = 4096
MEMORY_MIB = 1024
"""Memory of all processes of a command together."""

PROCESSES = 200
FILE_MIB = 256
EXIT_SANDBOX = 78
_CHUNK = 256 * 1024
_TICK = 0.2
"""Seconds between looks at a command that takes long."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/opt", "/nix"),
    # Its own part of /proc and no other's: there is the environment of every process.
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/kernel"),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf.d"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/localtime", "/etc/hosts", "/etc/resolv.conf"),
    *("/dev/urandom", "/dev/random", "/dev/zero"),
)
"""What every command may read: programs and what they are made of, nothing that tells one machine from another."""


class CommandFailed(Exception):
    """A command did not end well. `code` is one of `RenderProblem`'s; the message ends with its own last words."""

    def __init__(self, code: str, message: str) -> None:
        """Take both."""
        super().__init__(message)
        self.code = code


class Place(msgspec.Struct, frozen=True):
    """Where a command runs: the folder, its environment, and the files beside it that it may read or change."""

    folder: Path
    environment: Mapping[str, str]
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    network: bool = False


async def run_confined(executable: str, command: Sequence[str], place: Place, seconds: float) -> bytes:
    """Run a command and give what it prints. Raises `CommandFailed`."""
    arguments = ["sandbox", f"-data-mib={MEMORY_MIB}", f"-file-mib={FILE_MIB}", f"-cpu-seconds={int(seconds) + 1}"]
    arguments += [f"-read={path}" for path in (*SYSTEM, *place.readable)]
    arguments += [f"-write={path}" for path in ("/dev/null", *place.writable)]
    arguments += ["-network"] if place.network else []
    process = await asyncio.create_subprocess_exec(
        executable,
        *arguments,
        "--",
        *command,
        cwd=place.folder,
        env=dict(place.environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    output, words = _Kept(OUTPUT_LIMIT), _Kept(WORDS_LIMIT, last=True)
    reading = [asyncio.create_task(output.read(process.stdout)), asyncio.create_task(words.read(process.stderr))]
    watching = asyncio.create_task(_watch(process, output))
    try:
        async with asyncio.timeout(seconds):
            # Waiting for the process itself would be to wait for all that it has started: they hold its output open.
            if (wrong := await watching) is not None:
                raise wrong
    except TimeoutError:
        raise CommandFailed("deadline", f"{command[0]} took longer than {seconds:g} s and was ended") from None
    finally:
        watching.cancel()
        _end(process.pid)
        await asyncio.shield(asyncio.gather(*reading, return_exceptions=True))
        await asyncio.shield(process.wait())
    if output.over:
        raise _too_much()
    if process.returncode:
        raise CommandFailed("plugin", _ended(command[0], process.returncode, words.text()))
    return bytes(output.content)


class _Kept:
    """Reads a stream, and keeps its beginning, or its end, up to a bound."""

    def __init__(self, limit: int, *, last: bool = False) -> None:
        self.content = bytearray()
        self.over = False
        self._limit, self._last = limit, last

    async def read(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None and (chunk := await stream.read(_CHUNK)):
            self.content += chunk
            if len(self.content) > self._limit:
                self.over = True
                del self.content[: -self._limit if self._last else len(self.content)]

    def text(self) -> str:
        return " ".join(self.content.decode(errors="replace").split())


async def _watch(process: asyncio.subprocess.Process, output: _Kept) -> CommandFailed | None:
    """Wait until a process ends, or uses more than it and all that it has started may; gives why it must end."""
    pause = 0.01
    while process.returncode is None:
        await asyncio.sleep(pause)
        pause = min(_TICK, pause * 2)
        if output.over:
            return _too_much()
        pages, count = await asyncio.to_thread(_usage, process.pid)
        if pages * _PAGE > MEMORY_MIB << 20:
            return CommandFailed("memory", f"it needs more than the {MEMORY_MIB} MiB of memory that a plugin may use")
        if count > PROCESSES:
            return CommandFailed("plugin", f"it has started more than {PROCESSES} processes and was ended")
    return None


def _usage(group: int) -> tuple[int, int]:
    """Give the pages in memory, and the number, of a group's processes (blocking)."""
    pages = count = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # After the name, which may hold anything: state, parent, group; the pages are 21 fields further on.
            fields = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group:
                pages, count = pages + int(fields[21]), count + 1
    return pages, count


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _too_much() -> CommandFailed:
    return CommandFailed("too-large", f"it prints more than {OUTPUT_LIMIT >> 20} MiB")


def _ended(program: str, code: int, words: str) -> str:
    if code == EXIT_SANDBOX and words.startswith("sandbox:"):
        return f"{program} cannot be run in the plugin's sandbox: {words.removeprefix('sandbox: ')}"
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"{program} {how}" + (f": {words}" if words else "")
