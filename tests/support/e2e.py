"""A whole controller on real parts: a control plane, a Git server, and what a user would do with them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.ports import Clock
from trueup.devtools.gitserver import GitServer, Repository
from trueup.devtools.localcluster import Cluster
from trueup.kube.client import KubeClient
from trueup.kube.config.connect import default_connection
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError
from trueup.kube.transport import Observer
from trueup.kube.writes import Write
from trueup.runtime.controller import Controller, Session
from trueup.runtime.leadership import SystemClock
from trueup.runtime.settings import Settings

KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")
REPOSITORY = ("source.toolkit.fluxcd.io", "GitRepository")
APPLICATION = ("argoproj.io", "Application")
PATIENCE = 240.0
"""Seconds until a wait gives up: a machine that is busy with other tests is ten times as slow as one that is not."""


class World:
    """The parts, and a user's hands. Every wait gives up after `PATIENCE` seconds and says what was seen."""

    def __init__(self, cluster: Cluster, server: GitServer, controller: Controller, client: KubeClient) -> None:
        self.cluster = cluster
        self.server = server
        self.controller = controller
        self.client = client
        self.mapper = Mapper(client)
        self.stop: Callable[[], Awaitable[None]] = _nothing
        """Ends the controller, politely; the rest of the world stays."""

    def repository(self, name: str, files: dict[str, Any] | None = None) -> Repository:
        """Make a repository that is served as `https://github.com/<name>`."""
        made = Repository.create(self.server.root / name)
        made.commit(files or {"README.md": "hello\n"}, "first")
        return made

    async def apply(self, text: str) -> None:
        """Apply manifests as a user would."""
        for body in yaml.safe_load_all(text):
            if body:
                namespace = body["metadata"].get("namespace") or "default"
                resource = await self.mapper.of(ObjectRef.of(body))
                await self.client.server_side_apply(resource, body, Write(manager="user"), namespace=namespace)

    async def get(self, kind: tuple[str, str], namespace: str, name: str) -> Body | None:
        """Read an object; `None` only where the API server says that it, or its kind, is not there."""
        resource = await self.mapper.find(*kind)
        reply = await self.client.find(resource, name, namespace) if resource else None
        return reply.body if reply else None

    async def patch(self, kind: tuple[str, str], namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Patch an object."""
        resource = await self.mapper.of(ObjectRef(*kind, namespace, name))
        await self.client.patch(resource, name, namespace, patch)

    async def delete(self, kind: tuple[str, str], namespace: str, name: str) -> None:
        """Delete an object."""
        await self.client.delete(await self.mapper.of(ObjectRef(*kind, namespace, name)), name, namespace)

    async def until(
        self,
        kind: tuple[str, str],
        namespace: str,
        name: str,
        holds: Callable[[Body | None], bool],
        patience: float = PATIENCE,
    ) -> Body:
        """Wait until something is true of an object; gives it. While nothing can be read, nothing is true of it."""
        deadline = time.monotonic() + patience
        body: Body | None = None
        unread: KubeError | None = None
        while True:
            try:
                body, unread = await self.get(kind, namespace, name), None
            except KubeError as error:
                if not error.retriable:
                    raise
                unread = error
            if unread is None and holds(body):
                return body or {}
            if time.monotonic() > deadline:
                seen = unread or f"{told(body)}\n{(body or {}).get('status')}"
                raise AssertionError(f"{kind[1]} {namespace}/{name}: {seen}")
            await asyncio.sleep(0.05)

    def session(self) -> Session:
        """Give the controller's present tenure."""
        session = self.controller.session
        assert session is not None, "the controller does not work"
        return session

    async def settled(self) -> None:
        """Wait until the controller has done all that follows from what it was told, and would do later."""
        await settled(self.session())

    async def seen(self, kind: tuple[str, str], namespace: str, name: str) -> None:
        """Wait until the controller has read a unit or source as it is now, and has done all that follows from it."""
        body, ref = await self.get(kind, namespace, name), ObjectRef(*kind, namespace, name)
        assert body is not None
        version = body["metadata"]["resourceVersion"]
        await eventually(lambda: _version(self.session().declarations.body(ref)) >= int(version))
        await self.settled()


def _version(body: Body | None) -> int:
    return int(body["metadata"]["resourceVersion"]) if body else 0


async def settled(session: Session) -> None:
    """Wait until a controller has polled every source, looked at every unit, and written every status."""
    async with asyncio.timeout(PATIENCE):
        await session.engine.settle()
        await session.statuses.flush()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something is true within this process."""
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.02)


class SteppedClock(SystemClock):
    """The machine's clock, and so many seconds `ahead` of it: pauses that the engine measures are over at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def wall(self) -> datetime:
        return super().wall() + timedelta(seconds=self.ahead)


async def _nothing() -> None:
    """Do nothing: there is no controller yet."""


@asynccontextmanager
async def world(
    cluster: Cluster,
    folder: Path,
    *,
    through: Path | None = None,
    observer: Observer | None = None,
    clock: Clock | None = None,
    instead_of: str = "",
    **settings: Any,
) -> AsyncIterator[World]:
    """Give a world with a controller that works; `through` is its kubeconfig where it is not the user's.

    `instead_of` maps further URLs to servers, as `TRUEUP_GIT_INSTEAD_OF` does.
    """
    (folder / "git").mkdir(parents=True, exist_ok=True)
    async with GitServer(folder / "git") as server:
        before = os.environ.get("TRUEUP_GIT_INSTEAD_OF")
        os.environ["TRUEUP_GIT_INSTEAD_OF"] = f"https://github.com/={server.url}/ {instead_of}"
        try:
            settings = {"kubeconfig": str(through or cluster.kubeconfig), "data": folder / "data", **settings}
            controller = Controller(Settings(**settings), observer, clock)
            async with AsyncExitStack() as stack, KubeClient(default_connection(str(cluster.kubeconfig))) as client:
                await stack.enter_async_context(working(controller))
                made = World(cluster, server, controller, client)
                made.stop = stack.aclose
                await made.mapper.refresh()
                for name in ("argocd", "flux-system"):
                    await made.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
                yield made
        finally:
            if before is None:
                del os.environ["TRUEUP_GIT_INSTEAD_OF"]
            else:
                os.environ["TRUEUP_GIT_INSTEAD_OF"] = before


@asynccontextmanager
async def working(controller: Controller) -> AsyncIterator[Controller]:
    """Run a controller, and stop it politely."""
    task = asyncio.create_task(controller.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await controller.ready.wait()
        yield controller
    finally:
        task.cancel()
        await asyncio.wait({task})


def condition(body: Body | None, kind: str) -> dict[str, Any]:
    """Give a condition of an object, empty where it has none."""
    found = ((body or {}).get("status") or {}).get("conditions") or []
    return next((item for item in found if item["type"] == kind), {})


def ready(body: Body | None, revision: str = "") -> bool:
    """Say whether a Flux object is ready (at a commit)."""
    status = (body or {}).get("status") or {}
    return condition(body, "Ready").get("status") == "True" and revision in str(status.get("lastAppliedRevision", ""))


def synced(body: Body | None, revision: str = "") -> bool:
    """Say whether an Application is synced and healthy (at a commit)."""
    status = (body or {}).get("status") or {}
    sync = status.get("sync") or {}
    healthy = (status.get("health") or {}).get("status") == "Healthy"
    return sync.get("status") == "Synced" and healthy and revision in str(sync.get("revision", ""))


def told(body: Body | None) -> str:
    """Give all that an object's status says in words."""
    status = (body or {}).get("status") or {}
    words = [str(item.get("message", "")) for item in status.get("conditions") or []]
    words.append(str((status.get("operationState") or {}).get("message") or ""))
    return " | ".join(word for word in words if word)


def says(*words: str) -> Callable[[Body | None], bool]:
    """Give the condition that an object's status says all of these words."""
    return lambda body: all(word in told(body) for word in words)


def kustomization(name: str, path: str, source: str, namespace: str = "flux-system", **spec: Any) -> str:
    """Write a Kustomization."""
    body = {
        "apiVersion": f"{KUSTOMIZATION[0]}/v1",
        "kind": KUSTOMIZATION[1],
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "interval": "5m",
            "retryInterval": "2s",
            "prune": True,
            "path": path,
            "sourceRef": {"kind": "GitRepository", "name": source},
            **spec,
        },
    }
    return yaml.safe_dump(body)


def repository(name: str, url: str, namespace: str = "flux-system", branch: str = "main") -> str:
    """Write a GitRepository that is polled each second."""
    body = {
        "apiVersion": f"{REPOSITORY[0]}/v1",
        "kind": REPOSITORY[1],
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"interval": "1s", "url": url, "ref": {"branch": branch}},
    }
    return yaml.safe_dump(body)


def application(name: str, url: str, path: str, namespace: str, *, auto: bool = True, **source: Any) -> str:
    """Write an Application."""
    policy: dict[str, Any] = {"syncOptions": ["CreateNamespace=true"]}
    if auto:
        policy["automated"] = {"prune": True, "selfHeal": True}
    body = {
        "apiVersion": f"{APPLICATION[0]}/v1alpha1",
        "kind": APPLICATION[1],
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": path, **source},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": policy,
        },
    }
    return yaml.safe_dump(body)


def files_of(folder: Path) -> dict[str, bytes]:
    """Give all files of a folder, as a commit takes them."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
