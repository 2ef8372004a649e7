"""Units and sources are left alone for a while, in each kind's own way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec

from trueup.commands.sync import patch, requests_of
from trueup.commands.waiting import awaited
from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.problem import Problem
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
            await patch(cluster, ref, requests_of(ref).suspend(True))
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
        requests = requests_of(ref)
        wish = requests.suspend(False)
        marks = {**((wish.get("metadata") or {}).get("annotations") or {}), **requests.reconcile(token)}
        await patch(cluster, ref, {**wish, "metadata": {"annotations": marks}})
        if not request.wait:
            yield Resumed(ref)
            continue
        read = partial(requests.reconciled, token=token)
        answer = await awaited(cluster, ref, read, deadline - time.monotonic())
        if not answer.good:
            failed.append(str(ref))
        yield Resumed(ref, message=answer.message, good=answer.good)
    if failed:
        raise Problem(f"not well after it was resumed: {', '.join(failed)}", "`trueup why` explains it")


async def _named(cluster: Objects, words: Sequence[str], namespace: str) -> list[Body]:
    return [await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE)) for word in words]
