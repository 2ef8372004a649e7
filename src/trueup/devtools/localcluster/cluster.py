"""The local cluster for an event loop: every wait happens in a thread."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from trueup.devtools.localcluster.controlplane import ControlPlane
from trueup.devtools.localcluster.layout import DEFAULT_NAME, data_folder
from trueup.devtools.localcluster.options import Options
from trueup.devtools.localcluster.process.ephemeral import ephemeral_folder


class Cluster:
    """A running control plane: the real API server, controllers, scheduler and etcd, with simulated nodes.

    It ends with this process, however this process ends.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    @classmethod
    @asynccontextmanager
    async def start(
        cls, folder: Path | None = None, *, ephemeral: bool = False, audit: bool = False, nodes: int = 3
    ) -> "AsyncIterator[Cluster]":
        """Start a cluster, give it when pods can run in it, and stop it at the end.

        Its files are in `folder` (default: the user's data folder) and are kept, ports included; with `ephemeral`
        they are in a temporary folder instead, removed at the end, and no write waits for the disk. `audit` logs all
        requests (see `audit_log`). Raises ClusterError, or a toolchain error if the binaries cannot be built.
        """
        if ephemeral and folder is not None:
            raise ValueError("an ephemeral cluster has a folder of its own: give `folder` or `ephemeral`, not both")
        root = ephemeral_folder() if ephemeral else folder if folder is not None else data_folder() / DEFAULT_NAME
        plane = ControlPlane(Options(folder=root, durable=not ephemeral, audit=audit, nodes=nodes))
        try:
            await asyncio.to_thread(plane.start)
            yield cls(plane)
        finally:
            # A thread cannot be cancelled: one that is still starting the parts holds the turn, and stop waits for it.
            await asyncio.shield(asyncio.to_thread(plane.stop, 0.0 if ephemeral else 5.0))
            if ephemeral:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, root, True))

    @property
    def folder(self) -> Path:
        """The folder with all files of the cluster."""
        return self._plane.layout.root

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._plane.layout.kubeconfig

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._plane.server

    @property
    def certificate_authority(self) -> Path:
        """The certificate (PEM) that the API server's own is verified by."""
        return self._plane.layout.pki / "ca.crt"

    @property
    def logs(self) -> Path:
        """The folder with a log for each part."""
        return self._plane.layout.logs

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON document a line; written if asked for at the start."""
        return self._plane.layout.audit

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run, by name."""
        return self._plane.pids

    async def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig for `user` in `groups`, who may do only what RBAC grants them."""
        return await asyncio.to_thread(self._plane.kubeconfig_for, user, groups)

    async def stop_apiserver(self) -> None:
        """Kill the API server; everything else goes on."""
        await asyncio.to_thread(self._plane.stop_apiserver)

    async def start_apiserver(self) -> None:
        """Start the API server again, and wait until it is ready. Raises StartFailed."""
        await asyncio.to_thread(self._plane.start_apiserver)

    async def restart_apiserver(self) -> None:
        """Kill the API server and start it again, as a crash would. Raises StartFailed."""
        await self.stop_apiserver()
        await self.start_apiserver()

    async def wipe(self) -> None:
        """Lose all data: an empty cluster comes up at the same address with the same CA. Raises StartFailed."""
        await asyncio.to_thread(self._plane.wipe)

    async def compact_etcd(self) -> int:
        """Have etcd forget old revisions; return the newest. To have watches told 410, restart the API server too."""
        return await asyncio.to_thread(self._plane.compact_etcd)
