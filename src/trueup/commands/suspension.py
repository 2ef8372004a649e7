"""Units and sources are left alone for a while, in each dialect's own way.

Flux' objects have `spec.suspend`; an Application has Argo CD's annotation `argocd.argoproj.io/skip-reconcile`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from trueup.commands.sync import REFRESH, REQUESTED_AT, handled, patch
from trueup.commands.waiting import awaited
from trueup.core.model.dialect import Role, annotations_of
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.problem import Problem
from trueup.dialects.argo.application.translate import SKIP_RECONCILE
from trueup.dialects.status_summary import standing
from trueup.queries.objects import Objects


class Suspended(msgspec.Struct, frozen=True):
    """An object that is suspended; `already`: it was before."""

    ref: ObjectRef
    already: bool = False


class ResumeRequest(msgspec.Struct, frozen=True):
    """Whether the first look at each object is waited for, and how many seconds for all together."""

    wait: bool = True
    timeout: float = 300.0


class Resumed(msgspec.Struct, frozen=True):
    """An object that goes on. `already`: it was not suspended. `message` and `good` tell of the first look at it."""

    ref: ObjectRef
    already: bool = False
    message: str = ""
    good: bool = True


async def suspend(cluster: Objects, words: Sequence[str], namespace: str) -> AsyncIterator[Suspended]:
    """Suspend units and sources. Raises `Problem` before anything is changed where a word names none."""
    for body in await _named(cluster, words, namespace):
        ref = ObjectRef.of(body)
        already = standing(body).suspended
        if not already:
            await patch(cluster, ref, _wish(ref, True))
        yield Suspended(ref, already)


async def resume(
    cluster: Objects, words: Sequence[str], namespace: str, request: ResumeRequest
) -> AsyncIterator[Resumed]:
    """Let units and sources go on, and have each looked at at once.

    Raises `Problem` at the end where one that was waited for is not well afterwards, or it takes too long.
    """
    deadline = time.monotonic() + request.timeout
    failed: list[str] = []
    for body in await _named(cluster, words, namespace):
        ref = ObjectRef.of(body)
        if not standing(body).suspended:
            yield Resumed(ref, already=True)
            continue
        token = datetime.now(UTC).isoformat()
        annotation = {REFRESH: "normal"} if ref.kind == "Application" else {REQUESTED_AT: token}
        wish = _wish(ref, False)
        marks = {**((wish.get("metadata") or {}).get("annotations") or {}), **annotation}
        await patch(cluster, ref, {**wish, "metadata": {"annotations": marks}})
        if not request.wait:
            yield Resumed(ref)
            continue
        read = _refreshed if ref.kind == "Application" else partial(handled, token=token)
        good, message = await awaited(cluster, ref, read, deadline - time.monotonic())
        if not good:
            failed.append(str(ref))
        yield Resumed(ref, message=message, good=good)
    if failed:
        raise Problem(f"not well after it was resumed: {', '.join(failed)}", "`trueup why` explains it")


async def _named(cluster: Objects, words: Sequence[str], namespace: str) -> list[Body]:
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
