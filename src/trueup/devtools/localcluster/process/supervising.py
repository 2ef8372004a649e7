"""The process in the background that a cluster lives in: it holds the parts, and ends them when it is told to end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from trueup.devtools.localcluster.controlplane import READY_TIMEOUT_S, ControlPlane, State, read_state
from trueup.devtools.localcluster.errors import ClusterError, StartFailed
from trueup.devtools.localcluster.layout import Layout
from trueup.devtools.localcluster.options import Options
from trueup.devtools.toolchain import binary

_POLL_S = 0.1
_LOOK_S = 1.0


def serve(options: Options, *, forget: bool = False, ready: Callable[[], None] | None = None) -> int:
    """Run the cluster until SIGTERM or SIGINT, or until a part ends by itself; gives the exit code.

    `forget`: its folder is removed in the end. `ready` is called when pods can run.
    """
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    plane = ControlPlane(options)
    try:
        plane.start()
        if ready is not None:
            ready()
        while not told.wait(_LOOK_S):
            if (failure := plane.failed()) is not None:
                print(f"error: {failure}", file=sys.stderr)
                return 1
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        plane.stop(0.0 if forget else 5.0)
        if forget:
            shutil.rmtree(options.folder, ignore_errors=True)
    return 0


def start_in_background(options: Options, *, forget: bool = False) -> State:
    """Start the cluster in a process of its own and wait until it is ready.

    Raises `StartFailed`, or what `binary` raises.
    """
    # Built here, where its progress is seen, and not in the background.
    for name in ("localcluster", "kwok"):
        binary(name)
    layout = Layout(options.folder.absolute())
    layout.make()
    log = layout.logs / "supervisor.log"
    command = [sys.executable, "-m", "trueup.devtools.localcluster", str(layout.root), str(options.nodes)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "forget"] if forget else command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=layout.root.parent,
        )
    deadline = time.monotonic() + READY_TIMEOUT_S + 30
    while time.monotonic() < deadline:
        state = running(layout)
        if state is not None and state.ready and state.runner.pid == process.pid:
            return state
        if process.poll() is not None:
            raise StartFailed(_last_error(log) or f"the local cluster did not start; see {log}")
        time.sleep(_POLL_S)
    process.terminate()
    raise StartFailed(f"the local cluster was not ready in time; see {layout.logs}")


def stop(layout: Layout, patience: float = 20.0) -> bool:
    """End the cluster's process; gives `False` where none runs. Raises `ClusterError` where it does not end."""
    state = running(layout)
    if state is None:
        return False
    os.kill(state.runner.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while state.runner.lives:
        if time.monotonic() > deadline:
            pid = state.runner.pid
            raise ClusterError(f"process {pid} does not end; kill it (kill -9 {pid}) and try again")
        time.sleep(_POLL_S)
    return True


def running(layout: Layout) -> State | None:
    """Give the state of the cluster in a folder if a process runs it: the very one that wrote the state."""
    state = read_state(layout)
    return state if state.runner.lives else None


def _last_error(log: Path) -> str:
    # The folder of a cluster that is not kept may be gone, and the log with it.
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    return lines[-1].removeprefix("error: ") if lines else ""
