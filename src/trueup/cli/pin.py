"""`trueup rollback` and `trueup unpin`: a unit is kept at an earlier deployment by hand, and released again."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import msgspec
import typer

from trueup.cli.access import Access, access
from trueup.cli.problems import BAD_USE, FAILED, TIMED_OUT, Problem
from trueup.cli.showing import short
from trueup.core.objects import ObjectRef
from trueup.core.pinning import REQUEST, CannotPin, Request, Wish, target_of
from trueup.core.state import UnitState, state_name
from trueup.dialects.standing import standing
from trueup.kube.errors import NotFound
from trueup.kube.writes import Write
from trueup.store.states import RESOURCE

LOOK_PAUSE = 0.2


async def rollback(
    kubeconfig: str, context: str, word: str, namespace: str, *, to: str, reason: str, wait: bool, timeout: float
) -> None:
    """Pin a unit to an earlier deployment. Raises `Problem` where it cannot be, or does not end well in time."""
    async with access(kubeconfig, context) as cluster:
        body = await cluster.unit(word, namespace)
        ref = ObjectRef.of(body)
        try:
            target = target_of(await cluster.state(ref), to)
        except CannotPin as error:
            raise Problem(f"{ref}: {error}", "`trueup history` lists deployments", BAD_USE) from error
        if standing(body).suspended:
            raise Problem(f"{ref} is suspended", "resume it first", FAILED)
        # The entry is named by its record, because short ids move on while this is under way.
        request = Request(Wish.PIN, uuid4().hex, target.sync or str(target.id), await cluster.user(), reason)
        await _ask(cluster, ref, request)
        typer.echo(f"asked that {ref} be pinned to {short(target.inputs.revision)} (deployment {target.id})", err=True)
        if wait:
            await _pinned(cluster, ref, request, timeout)


async def unpin(
    kubeconfig: str, context: str, word: str, namespace: str, *, reason: str, wait: bool, timeout: float
) -> None:
    """Release a pinned unit: it follows Git again."""
    async with access(kubeconfig, context) as cluster:
        ref = ObjectRef.of(await cluster.unit(word, namespace))
        if (await cluster.state(ref)).pin is None:
            raise Problem(f"{ref} is not pinned", code=BAD_USE)
        request = Request(Wish.UNPIN, uuid4().hex, by=await cluster.user(), reason=reason)
        await _ask(cluster, ref, request)
        if wait:
            await _answered(cluster, ref, request, time.monotonic() + timeout)
            typer.echo(f"{ref}: released; it follows Git again")


async def _ask(cluster: Access, ref: ObjectRef, request: Request) -> None:
    wish = msgspec.json.encode(request).decode()
    patch = {"metadata": {"labels": {REQUEST: request.wish.value}, "annotations": {REQUEST: wish}}}
    try:
        await cluster.client.patch(RESOURCE, state_name(ref), ref.namespace, patch, write=Write(manager="trueup-cli"))
    except NotFound as error:
        raise Problem(f"nothing is remembered of {ref}", "has it been delivered by Trueup?", FAILED) from error


async def _answered(cluster: Access, ref: ObjectRef, request: Request, deadline: float) -> UnitState:
    while time.monotonic() < deadline:
        state = await cluster.state(ref)
        if state.asked == request.token:
            return state
        await asyncio.sleep(LOOK_PAUSE)
    raise Problem(f"{ref}: no answer in time", "is a controller running? (`trueup run`)", TIMED_OUT)


async def _pinned(cluster: Access, ref: ObjectRef, request: Request, timeout: float) -> None:
    """Wait until the pinned inputs are applied and judged."""
    deadline = time.monotonic() + timeout
    pin = (await _answered(cluster, ref, request, deadline)).pin
    if pin is None:
        raise Problem(f"{ref} could not be pinned", "`trueup get` says why", FAILED)
    while time.monotonic() < deadline:
        state = await cluster.state(ref)
        if state.pin != pin:
            raise Problem(f"{ref}: somebody else has pinned or released it meanwhile", code=FAILED)
        if state.attempt is None and state.applied is not None and state.applied.digest == pin.inputs.digest:
            if state.good is None or state.good.digest != pin.inputs.digest:
                raise Problem(f"{ref} is {pin.words}, and is not healthy", "`trueup why` says more", FAILED)
            typer.echo(f"{ref}: {pin.words}")
            return
        if state.failed_inputs == pin.inputs.digest and state.failures:
            raise Problem(f"{ref} is {pin.words}, and could not be applied", "`trueup get` says why", FAILED)
        await asyncio.sleep(LOOK_PAUSE)
    raise Problem(f"{ref}: no outcome within {timeout:.0f} s", "`trueup get` shows how it stands", TIMED_OUT)
