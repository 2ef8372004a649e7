"""The controller as a process of its own, which writes what it has done to a file whenever it is asked (SIGUSR1)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from trueup.kube.transport import RequestDone
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings


async def main(kubeconfig: str, folder: Path, lease: str) -> None:
    """Run until killed."""
    requests = {"read": 0, "write": 0}

    def asked(done: RequestDone) -> None:
        # Questions about its own rights are POST requests, and change nothing.
        if done.verb != "watch" and not done.resource.startswith(("leases", "selfsubjectaccessreviews")):
            requests["read" if done.verb in ("get", "list") else "write"] += 1

    settings = Settings(
        kubeconfig,
        data=folder / "data",
        lease=lease,
        history=os.environ.get("BENCH_HISTORY", ""),
        lease_seconds=float(os.environ.get("BENCH_LEASE_SECONDS", "15")),
    )
    controller = Controller(settings, asked)

    def tell() -> None:
        session = controller.session
        told = {
            "working": session is not None,
            "requests": requests,
            "renders": session.renderer.renders if session else 0,
            "workers": list(session.renderer.pids) if session else [],
            "units": len(session.engine.registry) if session else 0,
            "waiting": session.engine.queue.waiting() if session else 0,
        }
        part = folder / "told.part"
        part.write_text(json.dumps(told))
        part.replace(folder / "told.json")

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, tell)
    task = asyncio.create_task(controller.run())
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    (folder / "started").touch()
    try:
        await task
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
