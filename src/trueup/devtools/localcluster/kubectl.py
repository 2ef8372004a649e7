"""The kubectl that is linked into the cluster's binary."""

import asyncio
import os
from pathlib import Path

from trueup.devtools.toolchain import binary


class KubectlFailed(RuntimeError):
    """kubectl ended with an error; the message is what it wrote to standard error."""


def kubectl_command(*arguments: str) -> list[str]:
    """Return the command line that runs kubectl with `arguments`. Blocks while the binary is built."""
    return [str(binary("localcluster")), "kubectl", *arguments]


def kubectl_environment(kubeconfig: Path) -> dict[str, str]:
    """Return this process's environment, for a kubectl that uses `kubeconfig`."""
    return {**os.environ, "KUBECONFIG": str(kubeconfig)}


async def kubectl(kubeconfig: Path, *arguments: str, input: str | None = None) -> str:
    """Run kubectl with `input` as its standard input and return its standard output. Raises KubectlFailed."""
    command = await asyncio.to_thread(kubectl_command, *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if input is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kubectl_environment(kubeconfig),
    )
    out, err = await process.communicate(None if input is None else input.encode())
    if process.returncode != 0:
        raise KubectlFailed(f"kubectl {' '.join(arguments)}: {err.decode(errors='replace').strip()}")
    return out.decode()
