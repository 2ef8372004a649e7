"""`trueup demo`: sets the stage, tells the story, and stays up where somebody is there to try things."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from trueup.devtools.demo import trying
from trueup.devtools.demo.folder import Folder
from trueup.devtools.demo.progress import Notification, NotYet, StepFailed
from trueup.devtools.demo.stage import Stage, staged
from trueup.devtools.demo.story import Story
from trueup.devtools.localcluster import Cluster

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LAST_LINES = 5


class Ending(msgspec.Struct):
    """How the demo ends: by which signal (0: none), and whether it only stays up, with all told."""

    stopped: asyncio.Event
    signal: int = 0
    staying: bool = False
    held: bool = False


def demo(*, stay: bool | None = None, keep: bool = False, picture: Path | None = None) -> int:
    """Tell the story; gives the exit code: 0 if every step held.

    `stay`: keep everything running afterwards until Ctrl-C (by default where there is a terminal). `keep`: leave the
    folder with logs and repositories behind. `picture`: also draw what was printed into this SVG file.
    """
    # A terminal that cannot show a mark shows another one, rather than end the demo.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    console = Console(record=picture is not None, width=100 if picture else None)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    folder = Folder()
    ending = Ending(asyncio.Event())
    kept = True
    try:
        asyncio.run(_until_told(console, folder.path, interactive if stay is None else stay, ending))
        kept = keep or (not ending.held and not ending.signal)
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        # Nobody reads on: the terminal, or the pipe, is closed, which was seen before its signal.
        ending.signal = ending.signal or signal.SIGHUP
        kept = keep
    finally:
        folder.leave(keep=kept)
        # Who closed the terminal or the pipe reads no more.
        with contextlib.suppress(OSError):
            if kept:
                console.print(f"Logs and repositories are in {folder.path}", highlight=False, soft_wrap=True)
            if picture is not None and ending.held:
                console.save_svg(str(picture), title="make demo")
    return _exit_code(ending)


def _exit_code(ending: Ending) -> int:
    """Give the exit code. Under make, which is interrupted as well and says so itself, an interruption is no error."""
    if not ending.signal:
        return 0 if ending.held else 1
    if os.environ.get("MAKELEVEL"):
        return 0
    return (0 if ending.held else 1) if ending.staying else 128 + ending.signal


async def _until_told(console: Console, folder: Path, stay: bool, ending: Ending) -> None:
    """Tell the story until it ends or a signal asks for that; what runs is stopped in either case."""
    task = asyncio.create_task(_told(console, folder, stay, ending))

    def stop(number: int) -> None:
        if ending.signal:
            return
        ending.signal = number
        with contextlib.suppress(OSError):
            console.print("Stopping everything …", highlight=False)
        if ending.staying:
            ending.stopped.set()
        else:
            task.cancel()

    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not ending.signal:
            raise


async def _told(console: Console, folder: Path, stay: bool, ending: Ending) -> None:
    telling = Notification(console)
    async with AsyncExitStack() as stack:
        stage: Stage | None = None
        try:
            async with telling.step("a control plane: kube-apiserver, controllers, scheduler, etcd"):
                cluster = await stack.enter_async_context(Cluster.start(folder / "cluster"))
            async with telling.step("a Git server with two repositories, and a controller"):
                stage = await stack.enter_async_context(staged(folder, cluster))
                await stage.start_controller()
            await Story(stage, telling).tell()
        except StepFailed as failure:
            telling.summary()
            if stage is None:
                return
            file = await stage.prepare()
            await _look_further(console, stage, failure, file, stay)
        else:
            ending.held = telling.summary()
            file = await stage.prepare() if stay else folder
            if stay:
                console.print("\n".join(trying.invitation(file)), highlight=False, markup=False, soft_wrap=True)
        if stay:
            ending.staying = True
            await ending.stopped.wait()


async def _look_further(console: Console, stage: Stage, failure: StepFailed, file: Path, stay: bool) -> None:
    """Say what is known of a step that failed, and by which commands to learn more."""
    lines = [""]
    if failure.unit:
        lines += [f"What `trueup why {failure.unit}` says:", *await _why(stage, failure.unit), ""]
    log = stage.log.read_text(errors="replace").splitlines() if stage.log.exists() else []
    lines += ["The controller's last words:", *(f"    {line}" for line in log[-LAST_LINES:]), ""]
    asked = f"trueup why {failure.unit}" if failure.unit else "trueup get"
    if stay:
        lines += ["Everything is still running. Look further, in another terminal:", "", f"  {trying.sourced(file)}"]
        lines += [f"  {asked}", f"  tail -n 50 {stage.log}", "", "Ctrl-C ends it, and leaves nothing behind."]
    else:
        lines += ["Look further in the log, or keep everything running and ask:", "", f"  tail -n 50 {stage.log}"]
        lines += ["  .venv/bin/trueup demo --stay", ""]
    console.print(escape("\n".join(lines)), highlight=False, soft_wrap=True)


async def _why(stage: Stage, unit: str) -> list[str]:
    try:
        told = await asyncio.wait_for(stage.trueup("why", unit), 60)
    except (NotYet, TimeoutError) as error:
        told = str(error) or "no answer in a minute"
    return [f"    {line}" for line in told.splitlines() if line]
