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
from trueup.dialects import adapter_of, dialect_of
from trueup.dialects.adapter import CannotAsk, KindRequests, SyncWish
from trueup.dialects.status_summary import standing
from trueup.kube.writes import Write
from trueup.queries.objects import Objects, written


class SyncRequest(msgspec.Struct, frozen=True):
    """How the sync is to go. `revision`, `prune` and `dry_run` are what only an Application's operation can say."""

    revision: str = ""
    prune: bool = False
    dry_run: bool = False
    with_source: bool = False
    wait: bool = True
    timeout: float = 300.0

    @property
    def wish(self) -> SyncWish:
        """What is asked of the object itself."""
        return SyncWish(self.revision, self.prune, self.dry_run, fresh=self.with_source)


async def sync(
    cluster: Objects, word: str, namespace: str, request: SyncRequest, progress: Progress = silent
) -> Outcome | None:
    """Ask for a sync of a unit, or a poll of a source; gives its outcome, `None` where that is not waited for.

    With `wait`, raises `Problem` where it fails or takes longer than `timeout` seconds.
    """
    deadline = time.monotonic() + request.timeout
    body = await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE))
    ref = ObjectRef.of(body)
    if standing(body).suspended:
        raise Problem(f"{ref} is suspended", f"`trueup resume {written(ref)}` lets it go on")
    if "operation" in body:
        raise Problem(f"{ref} has an operation under way", "wait until it has ended")
    _refuse(body, request)
    if request.with_source and (source := _source_of(body)) is not None:
        holder = await cluster.named(written(source), "", (Role.SOURCE,))
        if standing(holder).suspended:
            raise Problem(f"{source} is suspended", f"`trueup resume {written(source)}` lets it go on")
        # Its outcome is waited for in any case: the sync is to be of what it finds.
        fresh = SyncRequest(wait=True)
        found = await _requested(cluster, holder, fresh, deadline, progress)
        if found is not None:
            progress(f"{found.ref}: {found.message}")
    return await _requested(cluster, body, request, deadline, progress)


def _refuse(body: Body, request: SyncRequest) -> None:
    """Raise `Problem` where a kind has no way to ask for this, before anything else is asked."""
    try:
        requests_of(ObjectRef.of(body)).sync(body, request.wish, "", "")
    except CannotAsk as error:
        raise Problem(str(error), error.hint, Kind.BAD_USE) from error


def _source_of(body: Body) -> ObjectRef | None:
    """Give the object that a unit's source is; `None` where that is the unit itself, or a source is meant already."""
    ref = ObjectRef.of(body)
    dialect = dialect_of(ref.group, ref.kind)
    unit = dialect.translate(body, Context()).unit if dialect else None
    return unit.source if unit is not None and unit.source != ref else None


async def _requested(
    cluster: Objects, body: Body, request: SyncRequest, deadline: float, progress: Progress
) -> Outcome | None:
    ref = ObjectRef.of(body)
    requests = requests_of(ref)
    token, user = datetime.now(UTC).isoformat(), await cluster.user()
    await patch(cluster, ref, requests.sync(body, request.wish, user, token))
    progress(f"asked for a sync of {ref}")
    if not request.wait:
        return None
    answer = await awaited(cluster, ref, lambda now: requests.synced(body, now, token), deadline - time.monotonic())
    if not answer.good:
        raise Problem(f"{ref}: {answer.message}", f"`trueup why {written(ref)}` explains it")
    return Outcome(ref, answer.message)


def requests_of(ref: ObjectRef) -> KindRequests:
    """Give how requests are written on an object. Raises `Problem` for a kind that takes none."""
    adapter = adapter_of(ref.group, ref.kind)
    if adapter is None or adapter.requests is None:
        raise Problem(f"{ref} takes no requests", kind=Kind.BAD_USE)
    return adapter.requests


async def patch(cluster: Objects, ref: ObjectRef, body: dict[str, Any]) -> None:
    """Change a user's object by a merge patch, in the name of this command. Raises `KubeError`."""
    resource = await cluster.mapper.of(ref)
    await cluster.client.patch(resource, ref.name, ref.namespace, body, write=Write(manager="trueup-cli"))
