"""What can be chosen about a local cluster."""

from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True):
    """The choices: `folder` holds all its files.

    `durable` makes etcd wait for the disk at each write, which keeps the data through a power cut and costs time.
    `audit` has the API server log every request (who, what, when, the answer's code).
    `nodes` is the number of simulated nodes.
    """

    folder: Path
    durable: bool = True
    audit: bool = False
    nodes: int = 3
