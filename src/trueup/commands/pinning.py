"""Units kept at an earlier deployment by hand, and released again."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import msgspec

from trueup.commands.waiting import Outcome, Progress, silent
from trueup.core.initiator import REQUESTED_BY
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import UnitState, state_name
from trueup.core.problem import Kind, Problem
from trueup.core.rollback.pinning import REQUEST, CannotPin, PinAction, Request, target_of
from trueup.dialects.status_summary import standing
from trueup.dialects.sync_options import commit_of
from trueup.kube.errors import NotFound
from trueup.kube.writes import Write
from trueup.queries.objects import Objects
from trueup.storage.unit_states import RESOURCE

LOOK_PAUSE = 0.2


class PinRequest(msgspec.Struct, frozen=True):
    """To which deployment a unit is pinned (its id, its record's id or its commit; empty: the last good one before),
    why, and whether the outcome is waited for, for at most `timeout` seconds."""

    to: str = ""
    reason: str = ""
    wait: bool = True
    timeout: float = 300.0


class UnpinRequest(msgspec.Struct, frozen=True):
    """Why a unit is released, and whether that is waited for, for at most `timeout` seconds."""

    reason: str = ""
    wait: bool = True
    timeout: float = 60.0


async def pin(
    cluster: Objects, word: str, namespace: str, asked: PinRequest, progress: Progress = silent
) -> Outcome | None:
    """Pin a unit to an earlier deployment; gives the outcome, `None` where that is not waited for.

    Raises `Problem` where it cannot be pinned, or does not end well in time.
    """
    body = await cluster.unit(word, namespace)
    ref = ObjectRef.of(body)
    try:
        target = target_of(await cluster.state(ref), asked.to)
    except CannotPin as error:
        raise Problem(f"{ref}: {error}", "`trueup history` lists deployments", Kind.BAD_USE) from error
    if standing(body).suspended:
        raise Problem(f"{ref} is suspended", "resume it first")
    # The entry is named by its record, because short ids move on while this is under way.
    user = await cluster.user()
    request = Request(PinAction.PIN, uuid4().hex, target.sync or str(target.id), user, asked.reason)
    await _ask(cluster, ref, request)
    commit = commit_of(target.inputs.revision)[:8]
    progress(f"asked that {ref} be pinned to {commit} (deployment {target.id})")
    return await _pinned(cluster, ref, request, asked.timeout) if asked.wait else None


async def unpin(cluster: Objects, word: str, namespace: str, asked: UnpinRequest) -> Outcome | None:
    """Release a pinned unit, so that it follows Git again; gives the outcome, `None` where that is not waited for.

    Raises `Problem` where it is not pinned, or nobody answers in time.
    """
    ref = ObjectRef.of(await cluster.unit(word, namespace))
    if (await cluster.state(ref)).pin is None:
        raise Problem(f"{ref} is not pinned", kind=Kind.BAD_USE)
    request = Request(PinAction.UNPIN, uuid4().hex, by=await cluster.user(), reason=asked.reason)
    await _ask(cluster, ref, request)
    if not asked.wait:
        return None
    await _answered(cluster, ref, request, time.monotonic() + asked.timeout)
    return Outcome(ref, "released; it follows Git again")


async def _ask(cluster: Objects, ref: ObjectRef, request: Request) -> None:
    marks = {
        REQUEST: msgspec.json.encode(request).decode(),
        REQUESTED_BY: f"{request.token} {request.by}" if request.by else None,
    }
    patch = {"metadata": {"labels": {REQUEST: request.wish.value}, "annotations": marks}}
    try:
        await cluster.client.patch(RESOURCE, state_name(ref), ref.namespace, patch, write=Write(manager="trueup-cli"))
    except NotFound as error:
        raise Problem(f"nothing is remembered of {ref}", "has it been delivered by Trueup?") from error


async def _answered(cluster: Objects, ref: ObjectRef, request: Request, deadline: float) -> UnitState:
    while time.monotonic() < deadline:
        state = await cluster.state(ref)
        if state.asked == request.token:
            return state
        await asyncio.sleep(LOOK_PAUSE)
    raise Problem(f"{ref}: no answer in time", "is a controller running? (`trueup run`)", Kind.TIMED_OUT)


async def _pinned(cluster: Objects, ref: ObjectRef, request: Request, timeout: float) -> Outcome:
    """Wait until the pinned inputs are applied and judged."""
    deadline = time.monotonic() + timeout
    pinned = (await _answered(cluster, ref, request, deadline)).pin
    if pinned is None:
        raise Problem(f"{ref} could not be pinned", "`trueup get` says why")
    while time.monotonic() < deadline:
        state = await cluster.state(ref)
        if state.pin != pinned:
            raise Problem(f"{ref}: somebody else has pinned or released it meanwhile")
        if state.attempt is None and state.applied is not None and state.applied.digest == pinned.inputs.digest:
            if state.good is None or state.good.digest != pinned.inputs.digest:
                raise Problem(f"{ref} is {pinned.words}, and is not healthy", "`trueup why` says more")
            return Outcome(ref, pinned.words)
        if state.failed_inputs == pinned.inputs.digest and state.failures:
            raise Problem(f"{ref} is {pinned.words}, and could not be applied", "`trueup get` says why")
        await asyncio.sleep(LOOK_PAUSE)
    raise Problem(f"{ref}: no outcome within {timeout:.0f} s", "`trueup get` shows how it stands", Kind.TIMED_OUT)
