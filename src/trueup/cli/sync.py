"""`trueup sync`: asks for a sync in the way each dialect's own clients do, and waits for the outcome."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import typer

from trueup.cli.access import Access, access, written
from trueup.cli.problems import BAD_USE, FAILED, Problem
from trueup.cli.waiting import awaited
from trueup.core.dialect import Context, Role
from trueup.core.objects import Body, ObjectRef
from trueup.dialects import dialect_of
from trueup.dialects.standing import standing
from trueup.dialects.wishes import REQUESTED_BY
from trueup.kube.writes import Write

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FORCE_AT = "reconcile.fluxcd.io/forceAt"
REFRESH = "argocd.argoproj.io/refresh"


class Wish(msgspec.Struct, frozen=True):
    """How the sync is to go. `revision`, `prune` and `dry_run` are what only an Application's operation can say."""

    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    with_source: bool = False
    wait: bool = True
    timeout: float = 300.0


async def sync(kubeconfig: str, context: str, word: str, namespace: str, wish: Wish) -> None:
    """Ask for a sync of a unit, or a look at a source.

    With `wait`, raises `Problem` where it fails or takes longer than `timeout` seconds.
    """
    deadline = time.monotonic() + wish.timeout
    async with access(kubeconfig, context) as cluster:
        body = await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE))
        ref = ObjectRef.of(body)
        if standing(body).suspended:
            raise Problem(f"{ref} is suspended", f"`trueup resume {written(ref)}` lets it go on", FAILED)
        if ref.kind == "Application":
            await _of_application(cluster, body, wish, deadline)
            return
        if wish.revision or wish.prune or wish.dry_run:
            raise Problem(
                "--revision, --prune and --dry-run are for Applications",
                "a Kustomization says these itself, in its spec and its source",
                BAD_USE,
            )
        if wish.with_source and (source := _source_of(body)) is not None:
            holder = await cluster.named(written(source), "", (Role.SOURCE,))
            if standing(holder).suspended:
                raise Problem(f"{source} is suspended", f"`trueup resume {written(source)}` lets it go on", FAILED)
            # Its outcome is waited for in any case: the sync is to be of what it finds.
            await _requested(cluster, source, True, deadline)
        await _requested(cluster, ref, wish.wait, deadline)


def _source_of(body: Body) -> ObjectRef | None:
    """Give the object that a unit's source is; `None` where that is the unit itself, or a source is meant already."""
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, Context()).unit if dialect else None
    return unit.source if unit is not None and unit.source != ref else None


async def _requested(cluster: Access, ref: ObjectRef, wait: bool, deadline: float) -> None:
    token, user = datetime.now(UTC).isoformat(), await cluster.user()
    annotations = {REQUESTED_AT: token, FORCE_AT: token, REQUESTED_BY: f"{token} {user}".strip()}
    await patch(cluster, ref, {"metadata": {"annotations": annotations}})
    typer.echo(f"asked for a sync of {ref}", err=True)
    if wait:
        outcome = await awaited(cluster, ref, lambda body: handled(body, token), deadline - time.monotonic())
        _tell(ref, *outcome)


async def _of_application(cluster: Access, body: Body, wish: Wish, deadline: float) -> None:
    ref = ObjectRef.of(body)
    if "operation" in body:
        raise Problem(f"{ref} has an operation under way", "wait until it has ended", FAILED)
    before = ((body.get("status") or {}).get("operationState") or {}).get("startedAt")
    wanted = _operation(body, wish, await cluster.user())
    if wish.with_source:
        wanted["metadata"] = {"annotations": {REFRESH: "normal"}}
    await patch(cluster, ref, wanted)
    typer.echo(f"asked for a sync of {ref}", err=True)
    if wish.wait:
        outcome = await awaited(cluster, ref, lambda body: _ended(body, before), deadline - time.monotonic())
        _tell(ref, *outcome)


def _operation(body: Body, wish: Wish, user: str) -> dict[str, Any]:
    """Write an operation; it carries the Application's own sync options, as upstream's client has it."""
    wanted: dict[str, Any] = {}
    options = ((body.get("spec") or {}).get("syncPolicy") or {}).get("syncOptions")
    if options:
        wanted["syncOptions"] = options
    if wish.revision:
        wanted["revision"] = wish.revision
    if wish.prune:
        wanted["prune"] = True
    if wish.dry_run:
        wanted["dryRun"] = True
    return {"operation": {"initiatedBy": {"username": user or "trueup"}, "sync": wanted}}


async def patch(cluster: Access, ref: ObjectRef, body: dict[str, Any]) -> None:
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


def _tell(ref: ObjectRef, good: bool, message: str) -> None:
    if not good:
        raise Problem(f"{ref}: {message}", f"`trueup why {written(ref)}` explains it", FAILED)
    typer.echo(f"{ref}: {message}")
