"""Looking at the cluster until what the story promises is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from trueup.core.model.objects import Body, ObjectRef
from trueup.devtools.demo.progress import StepFailed
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.errors import KubeError

LOOK_PAUSE = 0.03

DEPLOYMENT = ("apps", "Deployment")
APPLICATION = ("argoproj.io", "Application")
KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")


class Watcher:
    """Reads single objects, again and again, until a condition holds."""

    def __init__(self, client: KubeClient, mapper: Mapper) -> None:
        """Take the cluster."""
        self.client = client
        self.mapper = mapper

    async def body(self, ref: ObjectRef) -> Body | None:
        """Give an object, `None` where it (or its kind) is not there."""
        try:
            resource = await self.mapper.find(ref.group, ref.kind)
            reply = await self.client.find(resource, ref.name, ref.namespace) if resource else None
        except KubeError:
            return None
        return reply.body if reply else None

    async def until(
        self, ref: ObjectRef, what: str, holds: Callable[[Body | None], bool], timeout: float = 60.0
    ) -> Body | None:
        """Wait until `holds` is true of an object. Raises `StepFailed`: what was waited for, and what was seen."""
        deadline = time.monotonic() + timeout
        while True:
            body = await self.body(ref)
            if holds(body):
                return body
            if time.monotonic() > deadline:
                raise StepFailed(f"{ref}: {what} was not seen; {described(body)}")
            await asyncio.sleep(LOOK_PAUSE)


def ref(kind: tuple[str, str], namespace: str, name: str) -> ObjectRef:
    """Give an identity."""
    return ObjectRef(*kind, namespace, name)


def conditions(body: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Give an object's conditions by type."""
    found = ((body or {}).get("status") or {}).get("conditions") or []
    return {item["type"]: item for item in found}


def flux_ready(body: Body | None, revision: str = "") -> bool:
    """Say whether a Flux object is ready (at a commit)."""
    ready = conditions(body).get("Ready", {})
    applied = str(((body or {}).get("status") or {}).get("lastAppliedRevision") or "")
    return ready.get("status") == "True" and revision in applied


def argo_synced(body: Body | None, revision: str = "", *, healthy: bool = True) -> bool:
    """Say whether an Application is synced (to a commit) and, unless `healthy` is not asked for, healthy."""
    status = (body or {}).get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    return (
        sync.get("status") == "Synced"
        and (not healthy or health.get("status") == "Healthy")
        and str(sync.get("revision") or "").startswith(revision)
    )


def rolled_out(body: Body | None, image: str = "", replicas: int = 0) -> bool:
    """Say whether a Deployment runs an image everywhere."""
    if body is None:
        return False
    spec, status = body["spec"], body.get("status") or {}
    wanted = spec.get("replicas", 1)
    return (
        status.get("observedGeneration", 0) >= body["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("readyReplicas", 0) == status.get("replicas", 0) == wanted
        and (not image or image_of(body) == image)
        and (not replicas or wanted == replicas)
    )


def image_of(body: Body) -> str:
    """Give the image of a Deployment's first container."""
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


def described(body: Body | None) -> str:
    """Say in short how an object stands."""
    if body is None:
        return "it is not there"
    status = body.get("status") or {}
    ready = conditions(body).get("Ready")
    if ready:
        return f"Ready is {ready.get('status')}: {ready.get('message')}"
    if "sync" in status:
        messages = [item.get("message", "") for item in status.get("conditions") or []]
        operation = (status.get("operationState") or {}).get("message", "")
        health = (status.get("health") or {}).get("status")
        return f"it is {status['sync'].get('status')}, {health}; {'; '.join([*messages, operation])}"
    return f"its status is {status}"
