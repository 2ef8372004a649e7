"""`python -m trueup.devtools.gitserver --root DIR --port N`: serve a folder of bare repositories until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from trueup.devtools.gitserver.server import GitServer


async def serve(root: Path, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; prints the address once it listens."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with GitServer(root, host=host, port=port) as server:
        print(server.url, flush=True)
        await stop.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m trueup.devtools.gitserver", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder with the bare repositories")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.root, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
