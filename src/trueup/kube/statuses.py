"""Statuses on users' objects: as a subresource where the installed definition has one, else on the object itself."""

from __future__ import annotations

from typing import Any

from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import StatusWrite
from trueup.kube.client import KubeClient
from trueup.kube.discovery import Mapper
from trueup.kube.resource import Reply, Resource
from trueup.kube.writes import PatchType, Write


async def patch_status(
    client: KubeClient, mapper: Mapper, ref: ObjectRef, body: Body, write: StatusWrite
) -> Reply | None:
    """Write what differs from `body`, the object as last seen; gives the last answer, `None` where nothing differs.

    Raises `Fenced`, `Conflict` where the object has changed meanwhile in a way that matters, and other `KubeError`s.
    """
    patch = write.patch(body)
    if not patch:
        return None
    resource = await mapper.of(ref, str(body.get("apiVersion") or "").rpartition("/")[2])
    reply = None
    for part, subresource in _parts(patch, write, resource, body):
        with_manager = Write(manager=write.manager, subresource=subresource)
        reply = await client.patch(resource, ref.name, ref.namespace, part, PatchType.MERGE, with_manager)
    return reply


def _parts(
    patch: dict[str, Any], write: StatusWrite, resource: Resource, body: Body
) -> list[tuple[dict[str, Any], str]]:
    """Split a patch into its requests: the status goes to its subresource where there is one."""
    version = (body.get("metadata") or {}).get("resourceVersion")
    rest = {key: value for key, value in patch.items() if key != "status"}
    if rest and version:
        # What is removed must be what was seen: a new request by the user in between must not be lost.
        rest["metadata"] = {**rest.get("metadata", {}), "resourceVersion": version}
    if write.subresource and "status" in resource.subresources:
        parts = [({"status": patch["status"]}, "status")] if "status" in patch else []
        if rest:
            if parts and "metadata" in rest:
                rest["metadata"].pop("resourceVersion", None)
            parts.append((rest, ""))
        return parts
    return [({**rest, **({"status": patch["status"]} if "status" in patch else {})}, "")]
