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
from trueup.devtools.demo import manifests, trying
from trueup.devtools.demo.progress import NotYet, StepFailed
from trueup.devtools.demo.watching import Watcher
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KindNotServed
from trueup.kube.writes import Write

MANAGER = "kubectl"
GITHUB = "https://github.com/"
KINDS = frozenset({"Application", "Kustomization", "GitRepository", "UnitState"})
TRUEUP = (sys.executable, "-m", "trueup.cli.main")
TETHERED = (sys.executable, "-m", "trueup.devtools.demo.tethered")
KEPT = frozenset({"TRUEUP_BINARIES", "TRUEUP_DEBUG"})
"""What the user's environment may say of Trueup: the rest is the demo's own, or its default."""


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
        self.controller: asyncio.subprocess.Process | None = None
        self.client = KubeClient(default_connection(str(cluster.kubeconfig)))
        self.mapper = Mapper(self.client)
        self.watcher = Watcher(self.client, self.mapper, alive=self.check)

    async def start_controller(self) -> None:
        """Start `trueup run` against the cluster; it reaches the repositories by Git's own insteadOf."""
        command = [*TETHERED, "run", "--data", str(self.folder / "data"), "--log-format", "text"]
        with self.log.open("ab") as log:
            self.controller = await asyncio.create_subprocess_exec(
                *command,
                env=self._environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the demo, which stops it in its turn.
                start_new_session=True,
            )
        await self._working()

    def check(self) -> None:
        """Raise `StepFailed` where the controller has ended: nothing that is waited for will come."""
        if self.controller is not None and self.controller.returncode is not None:
            code = self.controller.returncode
            told = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise StepFailed(f"the controller has ended with {told}; its log is {self.log}")

    async def trueup(self, *arguments: str) -> str:
        """Run the command as somebody in a terminal would, and give what it prints. Raises `NotYet` with its error."""
        process = await asyncio.create_subprocess_exec(
            *TRUEUP,
            *arguments,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise NotYet(f"`trueup {' '.join(arguments)}` said: {errors.decode(errors='replace').strip()}")
        return out.decode()

    def variables(self) -> dict[str, str]:
        """Give what every command needs to be about this demo, and about nothing that the user's environment names."""
        config = str(self.cluster.kubeconfig)
        around = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1")))
        return {
            "KUBECONFIG": config,
            "TRUEUP_KUBECONFIG": config,
            "TRUEUP_CONTEXT": "",
            "TRUEUP_GIT_INSTEAD_OF": f"{GITHUB}={self.server.url}/",
            "TRUEUP_GIT_CACHE": str(self.folder / "inspection"),
            "TRUEUP_HISTORY": f"sqlite:///{self.folder / 'history.db'}",
            "NO_PROXY": around,
            "no_proxy": around,
        }

    def _environment(self) -> dict[str, str]:
        users = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith("TRUEUP_")}
        return {**users, **self.variables()}

    async def prepare(self) -> Path:
        """Write what somebody in another terminal needs, and give the file to `source`."""
        url = self.server.url_of(self.shop).removesuffix(".git")
        return await asyncio.to_thread(trying.prepare, self.folder, self.variables(), self.shop, url)

    async def _working(self) -> None:
        """Wait until the controller has installed its definitions, the sign that it works. Raises `StepFailed`."""

        async def look() -> None:
            await self.mapper.refresh()
            missing = KINDS - {item.kind for item in self.mapper.resources()}
            if missing:
                raise NotYet(f"{', '.join(sorted(missing))} not served yet")

        try:
            await self.watcher.patiently(look)
        except NotYet as last:
            raise StepFailed(f"the controller has not begun to work; {last}; its log is {self.log}") from None

    async def stop(self) -> None:
        """Stop the controller and close the client."""
        await self.client.close()
        process = self.controller
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def apply_root(self) -> None:
        """Apply the root unit and its credentials, as somebody would with kubectl. Raises `StepFailed`."""
        for text in manifests.ROOT:
            body = yaml.safe_load(text)

            async def apply(body: dict[str, object] = body) -> None:
                try:
                    resource = await self.mapper.of(ObjectRef.of(body))
                except KindNotServed:
                    await self.mapper.refresh()
                    raise
                await self.client.server_side_apply(resource, body, Write(manager=MANAGER))

            try:
                await self.watcher.patiently(apply)
            except NotYet as last:
                raise StepFailed(f"{ObjectRef.of(body)} could not be applied: {last}") from None

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
