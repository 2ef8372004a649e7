"""Looking at the cluster until what the story promises is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from trueup.core.model.objects import Body, ObjectRef
from trueup.devtools.demo.progress import NotYet, StepFailed
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError

FIRST_PAUSE, LAST_PAUSE, GROWTH = 0.03, 0.5, 1.1
PATIENCE = 300.0
"""Seconds that one thing is waited for: far more than it takes, as other work may keep the machine busy."""

DEPLOYMENT = ("apps", "Deployment")
APPLICATION = ("argoproj.io", "Application")
KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")
UNITS = {
    "dev": "kustomization/flux-system/shop-dev",
    "staging": "application/argocd/shop-staging",
    "production": "application/argocd/shop-production",
}
"""The unit that delivers the shop into a namespace."""

T = TypeVar("T")


class Watcher:
    """Reads single objects, again and again, until a condition holds."""

    def __init__(
        self,
        client: KubeClient,
        mapper: Mapper,
        patience: float = PATIENCE,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the cluster. `alive` raises `StepFailed` where waiting is in vain, as the controller has ended."""
        self.client = client
        self.mapper = mapper
        self.patience = patience
        self._alive = alive

    async def body(self, ref: ObjectRef) -> Body | None:
        """Give an object, `None` where it (or its kind) is not there. Raises KubeError where nobody can say."""
        resource = await self.mapper.find(ref.group, ref.kind)
        reply = await self.client.find(resource, ref.name, ref.namespace) if resource else None
        return reply.body if reply else None

    async def until(self, ref: ObjectRef, what: str, holds: Callable[[Body | None], bool]) -> Body | None:
        """Wait until `holds` is true of an object. Raises `StepFailed`: what was waited for, and what was seen."""
        seen = ""

        async def look() -> Body | None:
            nonlocal seen
            body = await self.body(ref)
            if holds(body):
                return body
            seen = described(body)
            raise NotYet(seen)

        try:
            return await self.patiently(look)
        except NotYet as last:
            raise StepFailed(f"{ref}: {what} was not seen; {last}", unit_of(ref)) from None

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it does not raise `NotYet` or KubeError. Raises `NotYet` with the last words when patience ends."""
        deadline = time.monotonic() + self.patience
        pause = FIRST_PAUSE
        while True:
            try:
                return await attempt()
            except (NotYet, KubeError) as error:
                self._alive()
                if time.monotonic() > deadline:
                    raise NotYet(str(error)) from error
            await asyncio.sleep(pause)
            pause = min(pause * GROWTH, LAST_PAUSE)


async def together(*waits: Awaitable[object]) -> None:
    """Wait for all of them; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ref(kind: tuple[str, str], namespace: str, name: str) -> ObjectRef:
    """Give an identity."""
    return ObjectRef(*kind, namespace, name)


def unit_of(target: ObjectRef) -> str:
    """Name the unit to ask about an object, as commands take it; empty where no unit delivers it."""
    if (target.group, target.kind) in (APPLICATION, KUSTOMIZATION):
        return f"{target.kind.lower()}/{target.namespace}/{target.name}"
    return UNITS.get(target.namespace, "")


def conditions(body: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Give an object's conditions by type."""
    found = ((body or {}).get("status") or {}).get("conditions") or []
    return {item["type"]: item for item in found}


def flux_ready(body: Body | None, revision: str = "") -> bool:
    """Say whether a Flux object is ready (at a commit)."""
    ready = conditions(body).get("Ready", {})
    applied = str(((body or {}).get("status") or {}).get("lastAppliedRevision") or "")
    return ready.get("status") == "True" and revision in applied


def flux_held(body: Body | None, bad: str) -> bool:
    """Say whether a Flux object tells that a commit was tried and is not what runs."""
    status = (body or {}).get("status") or {}
    tried, applied = (str(status.get(name) or "") for name in ("lastAttemptedRevision", "lastAppliedRevision"))
    return conditions(body).get("Ready", {}).get("status") == "False" and bad in tried and bad not in applied


def argo_synced(body: Body | None, revision: str = "") -> bool:
    """Say whether an Application is synced (to a commit) and healthy."""
    status = (body or {}).get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    return (
        sync.get("status") == "Synced"
        and health.get("status") == "Healthy"
        and str(sync.get("revision") or "").startswith(revision)
    )


def argo_held(body: Body | None) -> bool:
    """Say whether an Application tells that its last sync was taken back."""
    status = (body or {}).get("status") or {}
    operation = status.get("operationState") or {}
    return (status.get("sync") or {}).get("status") == "OutOfSync" and operation.get("phase") == "Failed"


def rolled_out(body: Body | None, image: str = "", generation: int = 0) -> bool:
    """Say whether a Deployment runs an image everywhere, and was changed at least up to a generation."""
    if body is None:
        return False
    spec, status, now = body["spec"], body.get("status") or {}, body["metadata"]["generation"]
    wanted = spec.get("replicas", 1)
    return (
        status.get("observedGeneration", 0) >= now >= generation
        and status.get("updatedReplicas", 0) == status.get("readyReplicas", 0) == status.get("replicas", 0) == wanted
        and (not image or image_of(body) == image)
    )


def image_of(body: Body) -> str:
    """Give the image of a Deployment's first container."""
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


def described(body: Body | None) -> str:
    """Say in words how an object stands."""
    if body is None:
        return "it is not there"
    status = body.get("status") or {}
    ready = conditions(body).get("Ready")
    if ready:
        return f"Ready is {ready.get('status')}: {ready.get('message')}"
    if "sync" in status or "operationState" in status:
        health = (status.get("health") or {}).get("status") or "of unknown health"
        messages = [item.get("message", "") for item in status.get("conditions") or []]
        messages.append((status.get("operationState") or {}).get("message", ""))
        told = "; ".join(message for message in messages if message)
        sync = (status.get("sync") or {}).get("status") or "not compared yet"
        return f"it is {sync} and {health}" + (f": {told}" if told else "")
    if body.get("kind") == "Deployment":
        return _deployment(body, status)
    bad = [f"{name} is {item.get('status')}" for name, item in conditions(body).items()]
    return "it is there" + (f", and {', '.join(bad)}" if bad else "")


def _deployment(body: Body, status: Mapping[str, Any]) -> str:
    wanted = body["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < body["metadata"]["generation"]:
        told = f"it wants {wanted} pods of {image_of(body)}, which its controller has not taken note of yet"
    else:
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
        told = f"of {wanted} pods {updated} have the image {image_of(body)}, and {ready} are ready"
    trouble = [str(item.get("message")) for item in conditions(body).values() if item.get("status") == "False"]
    return "; ".join([told, *trouble])
