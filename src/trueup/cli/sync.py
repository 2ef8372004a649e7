"""`trueup sync`: asks for a sync in the way each dialect's own clients do, and waits for the outcome."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import typer

from trueup.cli.access import Access, access
from trueup.cli.problems import BAD_USE, FAILED, TIMED_OUT, Problem
from trueup.core.objects import Body, ObjectRef
from trueup.dialects.standing import standing
from trueup.dialects.wishes import REQUESTED_BY
from trueup.kube.resource import Resource
from trueup.kube.writes import Write

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
FORCE_AT = "reconcile.fluxcd.io/forceAt"
LOOK_PAUSE = 0.2


async def sync(
    kubeconfig: str,
    context: str,
    word: str,
    namespace: str,
    *,
    revision: str,
    prune: bool,
    dry_run: bool,
    wait: bool,
    timeout: float,
) -> None:
    """Ask for a sync; with `wait`, raises `Problem` where it fails or takes longer than `timeout` seconds."""
    async with access(kubeconfig, context) as cluster:
        body = await cluster.unit(word, namespace)
        ref = ObjectRef.of(body)
        resource = await cluster.mapper.of(ref)
        argo = ref.kind == "Application"
        if not argo and (revision or prune or dry_run):
            raise Problem(
                "--revision, --prune and --dry-run are for Applications",
                "a Kustomization says these itself, in its spec and its source",
                BAD_USE,
            )
        token, user = datetime.now(UTC).isoformat(), await cluster.user()
        patch = _operation(body, revision, prune, dry_run, user) if argo else _request(token, user)
        before = (body.get("status") or {}).get("operationState")
        if standing(body).suspended:
            raise Problem(f"{ref} is suspended", "resume it first", FAILED)
        if "operation" in body:
            raise Problem(f"{ref} has an operation under way", "wait until it has ended", FAILED)
        await cluster.client.patch(resource, ref.name, ref.namespace, patch, write=Write(manager="trueup-cli"))
        typer.echo(f"asked for a sync of {ref}", err=True)
        if wait:
            done = await _awaited(cluster, resource, ref, token, argo, before, timeout)
            typer.echo(done)


def _request(token: str, user: str) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {REQUESTED_AT: token, FORCE_AT: token, REQUESTED_BY: f"{token} {user}".strip()}}
    }


def _operation(body: Body, revision: str, prune: bool, dry_run: bool, user: str) -> dict[str, Any]:
    """Write an operation; it carries the Application's own sync options, as upstream's client has it."""
    wanted: dict[str, Any] = {}
    options = ((body.get("spec") or {}).get("syncPolicy") or {}).get("syncOptions")
    if options:
        wanted["syncOptions"] = options
    if revision:
        wanted["revision"] = revision
    if prune:
        wanted["prune"] = True
    if dry_run:
        wanted["dryRun"] = True
    return {"operation": {"initiatedBy": {"username": user or "trueup"}, "sync": wanted}}


async def _awaited(
    cluster: Access, resource: Resource, ref: ObjectRef, token: str, argo: bool, before: object, timeout: float
) -> str:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        reply = await cluster.client.get(resource, ref.name, ref.namespace)
        body = reply.body
        answer = _of_application(body, before) if argo else _of_flux(body, token)
        if answer is not None:
            good, message = answer
            if not good:
                raise Problem(f"{ref}: {message}", "`trueup diff` shows what would change", FAILED)
            return f"{ref}: {message}"
        await asyncio.sleep(LOOK_PAUSE)
    raise Problem(f"{ref}: no outcome within {timeout:.0f} s", "is a controller running? (`trueup run`)", TIMED_OUT)


def _of_application(body: Body, before: object) -> tuple[bool, str] | None:
    state = (body.get("status") or {}).get("operationState") or {}
    if "operation" in body or (state.get("startedAt") == before and before is not None):
        return None
    if state.get("phase") not in ("Succeeded", "Failed", "Error"):
        return None
    return state["phase"] == "Succeeded", str(state.get("message") or state["phase"])


def _of_flux(body: Body, token: str) -> tuple[bool, str] | None:
    found = standing(body)
    if found.handled != token or found.ready == "Unknown":
        return None
    return found.ready == "True", found.message
