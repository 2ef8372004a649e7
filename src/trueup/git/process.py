"""Running Git: bounded in time and output, never through a shell, with errors told by what the source can do next."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from trueup.core.model.artifact import Fault, SourceError
from trueup.git.bounds import MEGABYTE, ProcessBounds, hold_to
from trueup.git.credentials import GitCredentials
from trueup.git.urls import redact

_ERRORS_KEPT = 16 * 1024
_CHUNK = 256 * 1024
REAP_SECONDS = 5.0

_FAULTS: tuple[tuple[Fault, str], ...] = (
    (
        Fault.TOO_LARGE,
        r"the answer is too large|file too large|file size limit exceeded|died of signal 25"
        r"|out of memory|malloc failed",
    ),
    (Fault.DISK, r"no space left on device|disk quota exceeded"),
    (
        Fault.CREDENTIALS,
        r"authentication failed|could not read (username|password)|returned error: 40[13]|permission denied"
        r"|host key verification failed|invalid credentials|access denied|terminal prompts disabled",
    ),
    (
        Fault.NOT_FOUND,
        r"repository .*not found|returned error: 404|does not appear to be a git repository|no such repository"
        r"|project you were looking for could not be found|remote: not found",
    ),
    (Fault.URL, r"returned error: 30\d"),
    (Fault.TIMEOUT, r"operation too slow|timed out|timeout"),
    (
        Fault.UNREACHABLE,
        r"could not resolve|connection refused|failed to connect|couldn't connect|network is unreachable"
        r"|no route to host|empty reply|connection reset|recv failure|server certificate|ssl|returned error: 5\d\d"
        r"|connection closed"
        r"|requested url returned error",
    ),
    (Fault.REF, r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref"),
    (Fault.HOSTILE, r"fsck error|bad tree|hasdot|unpack-objects.*error|index-pack failed.*fsck"),
    (
        Fault.PROTOCOL,
        r"protocol error|bad line length|not valid: is this a git repository|early eof|unexpected disconnect"
        r"|invalid server response|bad pack header|index-pack failed|unexpected end|the remote end hung up|bad band"
        r"|invalid content|expected ",
    ),
)
_COMPILED = tuple((fault, re.compile(pattern, re.IGNORECASE)) for fault, pattern in _FAULTS)

_ADVICE = {
    Fault.CREDENTIALS: "check the credentials of this source (username and password, or a key for ssh)",
    Fault.NOT_FOUND: "check the spelling of the URL, and whether the credentials may see the repository",
    Fault.UNREACHABLE: "it is tried again; what was fetched before stays in use",
    Fault.TIMEOUT: "it is tried again; what was fetched before stays in use",
    Fault.PROTOCOL: "what answers there speaks no Git; it is tried again",
    Fault.DISK: "the cache's disk is full: make room, or move the cache",
    Fault.TOO_LARGE: "it is not read any further; see the limits of Git sources",
    Fault.REF: "check the ref",
    Fault.URL: "the server redirects, which is not followed with credentials: write the URL it redirects to",
    Fault.HOSTILE: "the repository's objects are damaged or made to do harm; they were not taken",
}


_WEB_PAGE = re.compile(
    r"not valid: is this a git repository|unable to update url base from redirection|invalid content.?type"
    r"|<!doctype html|<html",
    re.IGNORECASE,
)
_ADVICE_WEB_PAGE = (
    "what answers there is a web page and no Git repository, as where a login is asked for; check the URL, and give "
    "this source credentials"
)


class GitFailed(Exception):
    """A Git process ended with an error; `words` is what it said, redacted by whoever shows it."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


async def run(
    git: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: bytes = b"",
    bounds: ProcessBounds = ProcessBounds(),
) -> bytes:
    """Run Git and give what it prints. Raises `GitFailed`, `TimeoutError`, OSError."""
    process = await asyncio.create_subprocess_exec(
        git,
        *arguments,
        env=dict(environment),
        cwd=folder,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Git's helpers (remote-http, index-pack) go with it when it is killed.
        start_new_session=True,
    )
    holding = asyncio.create_task(hold_to(process.pid, bounds)) if bounds.memory or bounds.file else None
    reading = asyncio.create_task(_read(process.stdout, bounds.output))
    listening = asyncio.create_task(_last(process.stderr))
    writing = asyncio.create_task(_write(process.stdin, stdin))
    try:
        async with asyncio.timeout(bounds.timeout):
            output, errors, _ = await asyncio.gather(reading, listening, writing)
            await process.wait()
    except BaseException:
        for task in (reading, listening, writing):
            task.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(Exception):
            await asyncio.shield(_reaped(process))
        raise
    finally:
        if holding is not None:
            holding.cancel()
    if process.returncode:
        raise GitFailed(process.returncode, errors.decode(errors="replace") or _ended_by(process.returncode))
    return output


async def _reaped(process: asyncio.subprocess.Process) -> None:
    """Wait until a killed process is gone; what it had still to say is read, because its end waits for that."""
    async with asyncio.timeout(REAP_SECONDS):
        for stream in (process.stdout, process.stderr):
            while stream is not None and await stream.read(_CHUNK):
                pass
        await process.wait()


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """Read all that comes, and no more than so many bytes. Raises `GitFailed` where more comes."""
    chunks: list[bytes] = []
    size = 0
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        size += len(chunk)
        if size > limit:
            raise GitFailed(0, f"fatal: the answer is too large: more than {limit // MEGABYTE} MiB")
        chunks.append(chunk)
    return b"".join(chunks)


async def _last(stream: asyncio.StreamReader | None) -> bytes:
    """Read all that comes, and keep the end of it."""
    kept = b""
    while stream is not None and (chunk := await stream.read(_CHUNK)):
        kept = (kept + chunk)[-_ERRORS_KEPT:]
    return kept


async def _write(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is None or not data:
        return
    # A process that does not read to the end says itself why.
    with contextlib.suppress(ConnectionError):
        stream.write(data)
        await stream.drain()
    with contextlib.suppress(ConnectionError):
        stream.close()


def _ended_by(code: int) -> str:
    """Name what ended a process that could say nothing itself."""
    if code == -signal.SIGXFSZ or code == 128 + signal.SIGXFSZ:
        return "fatal: file too large"
    return f"fatal: it was ended by signal {-code}" if code < 0 else ""


def failure(words: str, shown: str, credentials: GitCredentials | None) -> SourceError:
    """Translate what Git said about a remote to an error for people, without anything secret in it."""
    text = redact(words, credentials)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if _WEB_PAGE.search(text):
        return SourceError(Fault.PROTOCOL, f"{shown}: {_ADVICE_WEB_PAGE}")
    telling = [line for line in lines if line.lower().startswith(("fatal:", "error:", "remote:"))] or lines
    fault = next((fault for fault, pattern in _COMPILED if pattern.search(text)), Fault.PROTOCOL)
    said = "; ".join(line.removeprefix("fatal: ") for line in telling[:3])[:600] or "Git said nothing"
    return SourceError(fault, f"{shown}: {said}; {_ADVICE[fault]}")


def too_slow(shown: str, timeout: float) -> SourceError:
    """Say that a remote took too long."""
    return SourceError(Fault.TIMEOUT, f"{shown}: no answer within {timeout:.0f} s; {_ADVICE[Fault.TIMEOUT]}")


def disk(error: OSError, shown: str) -> SourceError:
    """Say that the cache could not be written."""
    fault = Fault.DISK if error.errno in (28, 122, 27) else Fault.CACHE
    advice = _ADVICE[Fault.DISK] if fault is Fault.DISK else "check the cache's folder"
    return SourceError(fault, f"{shown}: the cache cannot be used: {error.strerror or error}; {advice}")
