"""One worker process: started, asked one thing at a time, ended.

Messages are frames: the length in four bytes, big-endian, then the body. The process gets no environment and sits in
its own session, so that an interrupt at the terminal reaches only us; it ends by itself when its input closes.
"""

import asyncio
import contextlib
import signal
import struct
from collections.abc import Sequence

import msgspec

from trueup.render.protocol import EXIT_MEMORY, MAX_FRAME, Hello

_KEPT_STDERR = 4096
_READ_AHEAD = 1 << 20


class WorkerGone(Exception):
    """The process ended, or had to be ended, before it answered. `code` is one of `RenderProblem`'s."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Worker:
    """A running worker. Use `start`; after a `WorkerGone` the process no longer exists."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr = bytearray()
        self._listening = asyncio.create_task(self._listen())
        self.version = ""

    @classmethod
    async def start(cls, command: Sequence[str], deadline: float) -> "Worker":
        """Start a process and wait at most `deadline` seconds for its greeting. Raises `WorkerGone`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_READ_AHEAD,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerGone("unavailable", f"the worker {command[0]} cannot be started: {error.strerror}") from error
        worker = cls(process)
        try:
            async with asyncio.timeout(deadline):
                greeting = await worker._receive()
            worker.version = msgspec.json.decode(greeting, type=Hello).version
        except TimeoutError:
            await worker.kill()
            raise WorkerGone("unavailable", f"a new worker said nothing for {deadline:g} s") from None
        except msgspec.DecodeError as error:
            await worker.kill()
            raise WorkerGone("unavailable", f"{command[0]} is not a worker: its greeting cannot be read") from error
        except (asyncio.IncompleteReadError, _Garbage) as error:
            raise WorkerGone("unavailable", f"a new worker ended at once: {await worker._last_words()}") from error
        except asyncio.CancelledError:
            await worker.kill()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process has not ended, as far as is known."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    async def ask(self, request: bytes, deadline: float) -> bytes:
        """Send a request and give the answer to it.

        Raises `WorkerGone` with the code `deadline`, `memory`, `crashed` or `protocol`; the process is ended then, as
        it is when the caller is cancelled: nobody would read the answer.
        """
        if len(request) > MAX_FRAME:
            raise ValueError(f"a request of {len(request)} bytes is over the bound of {MAX_FRAME}")
        assert self._process.stdin is not None
        self._stderr.clear()  # Libraries warn there; what counts is what is said about this request.
        try:
            async with asyncio.timeout(deadline):
                self._process.stdin.write(struct.pack(">I", len(request)) + request)
                await self._process.stdin.drain()
                return await self._receive()
        except TimeoutError:
            await self.kill()
            raise WorkerGone("deadline", f"it took longer than {deadline:g} s and was ended") from None
        except _Garbage as error:
            await self.kill()
            raise WorkerGone("protocol", "the worker answered with what is no answer") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._explain_end() from error
        except asyncio.CancelledError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """End the process at once and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._reap()

    async def stop(self, grace: float = 1.0) -> None:
        """Close the process' input, which ends it; kill it after `grace` seconds."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(grace):
                await self._process.wait()
        except TimeoutError:
            await self.kill()
        await self._reap()

    async def _receive(self) -> bytes:
        assert self._process.stdout is not None
        (length,) = struct.unpack(">I", await self._process.stdout.readexactly(4))
        if length > MAX_FRAME:
            raise _Garbage
        return await self._process.stdout.readexactly(length)

    async def _listen(self) -> None:
        # Only the beginning is kept: Go names the reason of its death before the stacks.
        assert self._process.stderr is not None
        while said := await self._process.stderr.read(_KEPT_STDERR):
            self._stderr += said[: _KEPT_STDERR - len(self._stderr)]

    async def _reap(self) -> int:
        code = await self._process.wait()
        await self._listening
        return code

    async def _last_words(self) -> str:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._reap()
        lines = [line.strip() for line in self._stderr.decode(errors="replace").splitlines() if line.strip()]
        return next((line for line in lines if line.startswith(("fatal error", "runtime:", "panic:"))), "") or (
            lines[-1] if lines else "it said nothing"
        )

    async def _explain_end(self) -> WorkerGone:
        try:
            async with asyncio.timeout(1.0):
                code = await self._process.wait()
        except TimeoutError:
            code = 0
        words = await self._last_words()
        if code == EXIT_MEMORY or "out of memory" in words or "cannot allocate memory" in words:
            return WorkerGone("memory", "it needs more memory than a worker may use")
        if code < 0:
            return WorkerGone("crashed", f"the worker was ended by {_signal_name(-code)}")
        return WorkerGone("crashed", f"the worker ended with exit code {code}: {words}")


class _Garbage(Exception):
    """The bytes read are no frame."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
