"""Several replicas of one controller: what this one is doing, which pod leads, and what their history needs."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import structlog

from trueup.api.health import Role, Standing
from trueup.core.redaction import hide_user
from trueup.history.lifespan import NONE, HistorySettings
from trueup.kube.client import KubeClient
from trueup.kube.errors import KubeError
from trueup.kube.lease import Lease
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

ROLE_LABEL = "trueup.dev/role"
"""The label of a controller's pod: a Service that selects `leader` leads to the replica that works."""

MANAGER = "trueup"
PATIENCE = 5.0
_PODS = Resource("", "v1", "pods", "Pod", True)
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

log = structlog.get_logger(__name__)


def in_a_pod() -> bool:
    """Say whether this process runs in a pod, by what the kubelet gives every container."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def standing_of(lease: Lease | None, works: bool) -> Standing:
    """Say what a controller is doing."""
    if works:
        return Standing(Role.LEADER, lease.identity if lease else "")
    if lease is None or lease.held.is_set() or not lease.seen.is_set():
        return Standing(Role.STARTING)
    return Standing(Role.STANDBY, lease.holder or "nobody yet")


def tell_history(settings: HistorySettings) -> None:
    """Say where the history lies, once at the start."""
    if settings.url == NONE:
        log.info("no history is kept, as --history says")
        return
    sqlite = not settings.database.startswith("postgres")
    hint = {"hint": "several replicas need one history: --history postgresql://…"} if sqlite and in_a_pod() else {}
    log.info("history", database=hide_user(settings.database), **hint)


async def tell_standby(lease: Lease, settings: HistorySettings) -> None:
    """Wait until another holds the lease, and say that this one stands by, and what it lacks for taking over."""
    await lease.seen.wait()
    if lease.held.is_set() or not lease.holder:
        return
    log.info("standing by", leader=lease.holder, identity=lease.identity)
    if settings.url != NONE and not settings.database.startswith("postgres"):
        log.warning(
            "each replica keeps a history of its own",
            database=hide_user(settings.database),
            leader=lease.holder,
            hint="what one replica has recorded the others do not know: give all of them one PostgreSQL, "
            "--history postgresql://USER@HOST/DATABASE (docs/history.md)",
        )


class PodRole:
    """Labels this controller's own pod with what it is doing; outside a pod it does nothing."""

    def __init__(self, client: KubeClient) -> None:
        """Take a client that may write whether this controller leads or not."""
        self._client = client
        self._refused = False

    async def show(self, role: Role) -> None:
        """Label the pod. Never raises: a pod that cannot be labelled works all the same."""
        if not in_a_pod():
            return
        try:
            namespace = await asyncio.to_thread(_NAMESPACE.read_text)
        except OSError:
            return
        patch = {"metadata": {"labels": {ROLE_LABEL: role.value}}}
        try:
            async with asyncio.timeout(PATIENCE):
                await self._client.patch(_PODS, socket.gethostname(), namespace.strip(), patch, write=Write(MANAGER))
        except (KubeError, TimeoutError) as error:
            if not self._refused:
                self._refused = True
                hint = f"a Service that selects {ROLE_LABEL}=leader does not find it; grant `patch` on pods"
                log.warning("the pod could not be labelled", role=role.value, error=str(error), hint=hint)
