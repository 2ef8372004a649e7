"""The process in the background that a cluster lives in: it holds the parts, and ends them when it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from trueup.localcluster.controlplane import READY_TIMEOUT_S, ControlPlane, State, read_state
from trueup.localcluster.errors import ClusterError, StartFailed
from trueup.localcluster.layout import Layout
from trueup.localcluster.options import Options
from trueup.toolchain import binary

_POLL_S = 0.1
_LOOK_S = 1.0


def serve(options: Options) -> int:
    """Run the cluster until SIGTERM or SIGINT, or until a part ends by itself; gives the exit code."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    plane = ControlPlane(options)
    try:
        plane.start()
        while not told.wait(_LOOK_S):
            if (failure := plane.failed()) is not None:
                print(f"error: {failure}", file=sys.stderr)
                return 1
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        plane.stop()
    return 0


def start_in_background(options: Options) -> State:
    """Start the cluster in a process of its own and wait until it is ready. Raises `StartFailed`."""
    # Built here, where its progress is seen, and not in the background.
    for name in ("localcluster", "kwok"):
        binary(name)
    layout = Layout(options.folder.absolute())
    layout.make()
    log = layout.logs / "supervisor.log"
    command = [sys.executable, "-m", "trueup.localcluster", str(layout.root), str(options.nodes)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=layout.root
        )
    deadline = time.monotonic() + READY_TIMEOUT_S + 30
    while time.monotonic() < deadline:
        state = running(layout)
        if state is not None and state.ready and state.pid == process.pid:
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
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while running(layout) is not None:
        if time.monotonic() > deadline:
            raise ClusterError(f"process {state.pid} does not end; kill it (kill -9 {state.pid}) and try again")
        time.sleep(_POLL_S)
    return True


def running(layout: Layout) -> State | None:
    """Give the state of the cluster in a folder if a process runs it."""
    state = read_state(layout)
    if not state.pid or not layout.root.exists():
        return None
    try:
        os.kill(state.pid, 0)
        command = Path(f"/proc/{state.pid}/cmdline")
        # A process id is used again in time: only one that runs our program counts, where that can be told.
        if command.exists() and b"trueup" not in command.read_bytes():
            return None
    except OSError:
        return None
    return state


def _last_error(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
    return lines[-1].removeprefix("error: ") if lines else ""
