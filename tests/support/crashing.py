"""A controller that kills itself, without a word, right before or after its n-th write of a sync.

`python -m support.crashing KUBECONFIG FOLDER LEASE WHEN COUNT`: WHEN is `before`, `after` or `never`. Its writes are
put into FOLDER/writes, one line for each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from trueup.kube.transport import Answer, Call, Transport
from trueup.runtime.controller import Controller
from trueup.runtime.settings import Settings

STARTING = ("/leases", "/customresourcedefinitions", "/api/v1/namespaces")
"""Paths that a controller writes to before it looks at any unit."""


def is_write(call: Call) -> bool:
    """Say whether a request is one of a sync's writes; dry runs change nothing."""
    if call.method == "GET" or "dryRun" in call.query:
        return False
    return not any(part in call.path for part in STARTING[:2]) and call.path != STARTING[2]


async def main(kubeconfig: str, folder: Path, lease: str, when: str, count: int) -> None:
    """Run until killed."""
    done = 0
    send = Transport.send
    writes = (folder / "writes").open("a")

    async def counted(self: Transport, call: Call) -> Answer:
        nonlocal done
        if not is_write(call):
            return await send(self, call)
        done += 1
        mine = done
        if when == "before" and mine == count:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await send(self, call)
        writes.write(f"{call.method} {call.path}\n")
        writes.flush()
        if when == "after" and mine == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Transport.send = counted  # type: ignore[method-assign]
    settings = Settings(
        kubeconfig=kubeconfig,
        data=folder / "data",
        lease=lease,
        lease_seconds=float(os.environ.get("LEASE_SECONDS", "15")),
        poll=1.0,
        jitter=0.0,
        workers=1,
    )
    task = asyncio.create_task(Controller(settings).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])))
