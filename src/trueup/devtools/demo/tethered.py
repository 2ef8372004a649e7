"""`python -m trueup.devtools.demo.tethered ARGUMENTS`: the `trueup` command, which ends when its standard input closes.

Whoever starts it holds the other end of that pipe, and the kernel closes it even when they are killed: no controller
outlives its demo.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _watch() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    sys.argv[0] = "trueup"
    # By its name: packages below must not import the command line.
    runpy.run_module("trueup.cli.main", run_name="__main__", alter_sys=True)
