"""Everything the story plays on: a control plane, a Git server, a controller, all of them real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from trueup.core.model.objects import ObjectRef
from trueup.devtools.demo import manifests
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.writes import Write

MANAGER = "kubectl"
GITHUB = "https://github.com/"
START_TIMEOUT = 60.0
TRUEUP = (sys.executable, "-m", "trueup.cli.main")


class Stage:
    """The cluster, the two repositories, and the controller that brings the one true to the others."""

    def __init__(self, cluster: Cluster, server: GitServer, shop: Repository, app: Repository, folder: Path) -> None:
        """Take what stands already; the controller is started by `start_controller`."""
        self.cluster = cluster
        self.server = server
        self.shop = shop
        self.app = app
        self.folder = folder
        self.log = folder / "controller.log"
        self._controller: asyncio.subprocess.Process | None = None
        self.client = KubeClient(default_connection(str(cluster.kubeconfig)))
        self.mapper = Mapper(self.client)

    async def start_controller(self) -> None:
        """Start `trueup run` against the cluster; it reaches the repositories by Git's own insteadOf."""
        command = [*TRUEUP, "run", "--data", str(self.folder / "data"), "--log-format", "text"]
        with self.log.open("ab") as log:
            self._controller = await asyncio.create_subprocess_exec(
                *command, env=self._environment(), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        await self._working()

    async def trueup(self, *arguments: str) -> str:
        """Run the command as somebody in a terminal would, and give what it prints. Raises RuntimeError."""
        process = await asyncio.create_subprocess_exec(
            *TRUEUP,
            *arguments,
            env={**self._environment(), "TRUEUP_GIT_CACHE": str(self.folder / "inspection")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"trueup {' '.join(arguments)}: {errors.decode(errors='replace').strip()}")
        return out.decode()

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "TRUEUP_GIT_INSTEAD_OF": f"{GITHUB}={self.server.url}/",
            "TRUEUP_HISTORY": f"sqlite:///{self.folder / 'history.db'}",
        }

    async def _working(self) -> None:
        """Wait until the controller has installed its definitions, the sign that it works."""
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT
        while True:
            if self._controller is not None and self._controller.returncode is not None:
                raise RuntimeError(f"the controller ended with {self._controller.returncode}; see {self.log}")
            try:
                await self.mapper.refresh()
                served = {item.kind for item in self.mapper.resources()}
                if {"Application", "Kustomization", "GitRepository", "UnitState"} <= served:
                    return
            except KubeError:
                pass
            if asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"the controller did not begin to work in {START_TIMEOUT:.0f} s; see {self.log}")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Stop the controller and close the client."""
        await self.client.close()
        process = self._controller
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def apply_root(self) -> None:
        """Apply the root unit and its credentials, as somebody would with kubectl."""
        for text in manifests.ROOT:
            body = yaml.safe_load(text)
            resource = await self.mapper.of(ObjectRef.of(body))
            await self.client.server_side_apply(resource, body, Write(manager=MANAGER))

    async def wipe(self) -> None:
        """Put an empty control plane in the place of this one; the controller finds that by itself."""
        await self.cluster.wipe()
        await self._working()


@asynccontextmanager
async def staged(folder: Path, cluster: Cluster) -> AsyncIterator[Stage]:
    """Make the repositories, serve them, and give the stage; everything is stopped at the end."""
    shop = Repository.create(folder / "git" / "example" / "shop.git")
    shop.commit(dict(manifests.SHOP), "Deliver the shop to three environments (#1)", author=manifests.ADA)
    app = Repository.create(folder / "git" / "myorg" / "my-app-config.git")
    app.commit(dict(manifests.MY_APP), "Deliver my-app", author=manifests.ADA)
    users = {manifests.USER: manifests.PASSWORD}
    async with GitServer(folder / "git", users=users) as server:
        stage = Stage(cluster, server, shop, app, folder)
        try:
            yield stage
        finally:
            await stage.stop()
