"""Asks for a sync in the way each dialect's own clients do, and waits for the outcome."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from trueup.commands.waiting import Outcome, Progress, awaited, silent
from trueup.core.model.dialect import Context, Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.problem import Kind, Problem
from trueup.dialects import dialect_of
from trueup.dialects.status_summary import standing
from trueup.dialects.sync_options import REQUESTED_BY
from trueup.kube.writes import Write
from trueup.queries.objects import Objects, written

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FORCE_AT = "reconcile.fluxcd.io/forceAt"
REFRESH = "argocd.argoproj.io/refresh"


class SyncRequest(msgspec.Struct, frozen=True):
    """How the sync is to go. `revision`, `prune` and `dry_run` are what only an Application's operation can say."""

    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    with_source: bool = False
    wait: bool = True
    timeout: float = 300.0


async def sync(
    cluster: Objects, word: str, namespace: str, request: SyncRequest, progress: Progress = silent
) -> Outcome | None:
    """Ask for a sync of a unit, or a look at a source; gives its outcome, `None` where that is not waited for.

    With `wait`, raises `Problem` where it fails or takes longer than `timeout` seconds.
    """
    deadline = time.monotonic() + request.timeout
    body = await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE))
    ref = ObjectRef.of(body)
    if standing(body).suspended:
        raise Problem(f"{ref} is suspended", f"`trueup resume {written(ref)}` lets it go on")
    if ref.kind == "Application":
        return await _of_application(cluster, body, request, deadline, progress)
    if request.revision or request.prune or request.dry_run:
        raise Problem(
            "--revision, --prune and --dry-run are for Applications",
            "a Kustomization says these itself, in its spec and its source",
            Kind.BAD_USE,
        )
    if request.with_source and (source := _source_of(body)) is not None:
        holder = await cluster.named(written(source), "", (Role.SOURCE,))
        if standing(holder).suspended:
            raise Problem(f"{source} is suspended", f"`trueup resume {written(source)}` lets it go on")
        # Its outcome is waited for in any case: the sync is to be of what it finds.
        found = await _requested(cluster, source, True, deadline, progress)
        if found is not None:
            progress(f"{found.ref}: {found.message}")
    return await _requested(cluster, ref, request.wait, deadline, progress)


def _source_of(body: Body) -> ObjectRef | None:
    """Give the object that a unit's source is; `None` where that is the unit itself, or a source is meant already."""
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, Context()).unit if dialect else None
    return unit.source if unit is not None and unit.source != ref else None


async def _requested(
    cluster: Objects, ref: ObjectRef, wait: bool, deadline: float, progress: Progress
) -> Outcome | None:
    token, user = datetime.now(UTC).isoformat(), await cluster.user()
    annotations = {REQUESTED_AT: token, FORCE_AT: token, REQUESTED_BY: f"{token} {user}".strip()}
    await patch(cluster, ref, {"metadata": {"annotations": annotations}})
    progress(f"asked for a sync of {ref}")
    if not wait:
        return None
    return _outcome(ref, *await awaited(cluster, ref, lambda body: handled(body, token), deadline - time.monotonic()))


async def _of_application(
    cluster: Objects, body: Body, request: SyncRequest, deadline: float, progress: Progress
) -> Outcome | None:
    ref = ObjectRef.of(body)
    if "operation" in body:
        raise Problem(f"{ref} has an operation under way", "wait until it has ended")
    before = ((body.get("status") or {}).get("operationState") or {}).get("startedAt")
    wanted = _operation(body, request, await cluster.user())
    if request.with_source:
        wanted["metadata"] = {"annotations": {REFRESH: "normal"}}
    await patch(cluster, ref, wanted)
    progress(f"asked for a sync of {ref}")
    if not request.wait:
        return None
    return _outcome(ref, *await awaited(cluster, ref, lambda body: _ended(body, before), deadline - time.monotonic()))


def _operation(body: Body, request: SyncRequest, user: str) -> dict[str, Any]:
    """Write an operation; it carries the Application's own sync options, as upstream's client has it."""
    wanted: dict[str, Any] = {}
    options = ((body.get("spec") or {}).get("syncPolicy") or {}).get("syncOptions")
    if options:
        wanted["syncOptions"] = options
    if request.revision:
        wanted["revision"] = request.revision
    if request.prune:
        wanted["prune"] = True
    if request.dry_run:
        wanted["dryRun"] = True
    return {"operation": {"initiatedBy": {"username": user or "trueup"}, "sync": wanted}}


async def patch(cluster: Objects, ref: ObjectRef, body: dict[str, Any]) -> None:
    """Change a user's object by a merge patch, in the name of this command. Raises `KubeError`."""
    resource = await cluster.mapper.of(ref)
    await cluster.client.patch(resource, ref.name, ref.namespace, body, write=Write(manager="trueup-cli"))


def handled(body: Body, token: str) -> tuple[bool, str] | None:
    """Give how a Flux object stands once its request is answered: whether it is ready, and its words."""
    found = standing(body)
    if found.handled != token or found.ready == "Unknown":
        return None
    return found.ready == "True", found.message


def _ended(body: Body, before: object) -> tuple[bool, str] | None:
    """Give how an Application's operation ended; `before` is when the last one began, which it is not."""
    state = (body.get("status") or {}).get("operationState") or {}
    if "operation" in body or (state.get("startedAt") == before and before is not None):
        return None
    if state.get("phase") not in ("Succeeded", "Failed", "Error"):
        return None
    return state["phase"] == "Succeeded", str(state.get("message") or state["phase"])


def _outcome(ref: ObjectRef, good: bool, message: str) -> Outcome:
    if not good:
        raise Problem(f"{ref}: {message}", f"`trueup why {written(ref)}` explains it")
    return Outcome(ref, message)
