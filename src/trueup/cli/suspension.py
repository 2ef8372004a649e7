"""`trueup suspend` and `trueup resume`: units and sources are left alone for a while, in each dialect's own way.

Flux' objects have `spec.suspend`; an Application has Argo CD's annotation `argocd.argoproj.io/skip-reconcile`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from trueup.cli.access import Access, access
from trueup.cli.problems import FAILED, Problem
from trueup.cli.sync import REFRESH, REQUESTED_AT, handled, patch
from trueup.cli.waiting import awaited
from trueup.core.dialect import Role, annotations_of
from trueup.core.objects import Body, ObjectRef
from trueup.dialects.argo.translate import SKIP_RECONCILE
from trueup.dialects.standing import standing


async def suspend(kubeconfig: str, context: str, words: Sequence[str], namespace: str) -> None:
    """Suspend units and sources. Raises `Problem` before anything is changed where a word names none."""
    async with access(kubeconfig, context) as cluster:
        for body in await _named(cluster, words, namespace):
            ref = ObjectRef.of(body)
            if standing(body).suspended:
                typer.echo(f"{ref} is suspended already")
                continue
            await patch(cluster, ref, _wish(ref, True))
            typer.echo(f"{ref} is suspended")


async def resume(
    kubeconfig: str, context: str, words: Sequence[str], namespace: str, *, wait: bool, timeout: float
) -> None:
    """Let units and sources go on, and have each looked at at once.

    With `wait`, raises `Problem` at the end where one is not well afterwards, or takes longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    failed: list[str] = []
    async with access(kubeconfig, context) as cluster:
        for body in await _named(cluster, words, namespace):
            ref = ObjectRef.of(body)
            if not standing(body).suspended:
                typer.echo(f"{ref} is not suspended")
                continue
            token = datetime.now(UTC).isoformat()
            annotation = {REFRESH: "normal"} if ref.kind == "Application" else {REQUESTED_AT: token}
            wish = _wish(ref, False)
            marks = {**((wish.get("metadata") or {}).get("annotations") or {}), **annotation}
            await patch(cluster, ref, {**wish, "metadata": {"annotations": marks}})
            if not wait:
                typer.echo(f"{ref} goes on")
                continue
            read = _refreshed if ref.kind == "Application" else lambda found, token=token: handled(found, token)
            good, message = await awaited(cluster, ref, read, deadline - time.monotonic())
            typer.echo(f"{ref} goes on: {message}")
            if not good:
                failed.append(str(ref))
    if failed:
        raise Problem(f"not well after it was resumed: {', '.join(failed)}", "`trueup why` explains it", FAILED)


async def _named(cluster: Access, words: Sequence[str], namespace: str) -> list[Body]:
    return [await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE)) for word in words]


def _wish(ref: ObjectRef, suspended: bool) -> dict[str, Any]:
    if ref.kind == "Application":
        return {"metadata": {"annotations": {SKIP_RECONCILE: "true" if suspended else None}}}
    return {"spec": {"suspend": suspended}}


def _refreshed(body: Body) -> tuple[bool, str] | None:
    if REFRESH in annotations_of(body):
        return None
    found = standing(body)
    # What waits for a sync by hand is as it should be.
    return found.health not in ("Degraded", "Missing", "Unknown"), f"{found.sync}, {found.health}"
