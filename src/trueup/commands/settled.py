"""Waits until units and sources are ready, at a revision if one is named: what a pipeline does after a push."""

from __future__ import annotations

import re
import time

import msgspec

from trueup.commands.waiting import Outcome, awaited
from trueup.core.model.dialect import Role
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.problem import Kind, Problem
from trueup.dialects import adapter_of
from trueup.dialects.adapter import Answer
from trueup.dialects.decode import mapping_of
from trueup.dialects.status_summary import standing
from trueup.queries.objects import Objects, written

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class WaitRequest(msgspec.Struct, frozen=True):
    """What is waited for, and how long (seconds). `revision`: a commit or its beginning, a tag, or as it is shown."""

    revision: str = ""
    timeout: float = 300.0


async def settled(cluster: Objects, word: str, namespace: str, request: WaitRequest) -> Outcome:
    """Give how a unit or source stands as soon as it is ready at the revision.

    Raises `Problem` where it is suspended, where that revision is held back, or after `timeout` seconds.
    """
    deadline = time.monotonic() + request.timeout
    body = await cluster.named(word, namespace, (Role.UNIT, Role.SOURCE))
    ref = ObjectRef.of(body)
    hint = f"`trueup why {written(ref)}` explains it"
    seen = said = ""

    def read(now: Body) -> Answer | None:
        nonlocal said
        stands = standing(now)
        said = stands.message
        if is_ready(now, request.revision):
            return Answer(True, stands.message or "ready")
        version = str(mapping_of(now, "metadata").get("resourceVersion"))
        return Answer(False, version) if version != seen and (stands.suspended or stands.ready == "False") else None

    while True:
        try:
            answer = await awaited(cluster, ref, read, deadline - time.monotonic())
        except Problem as problem:
            if problem.kind is not Kind.TIMED_OUT:
                raise
            at = f" at {request.revision}" if request.revision else ""
            text = f"{ref} was not ready{at} within {request.timeout:.0f} s"
            raise Problem(f"{text}: {said}" if said else text, hint, Kind.TIMED_OUT) from problem
        if answer.good:
            return Outcome(ref, answer.message)
        seen = answer.message
        body = await cluster.named(written(ref), "", (Role.UNIT, Role.SOURCE))
        if standing(body).suspended:
            raise Problem(f"{ref} is suspended", f"`trueup resume {written(ref)}` lets it go on")
        held = (await cluster.state(ref)).held
        if held is not None and (not request.revision or revision_is(held.revision, request.revision)):
            raise Problem(f"{ref}: revision {held.revision} is held back: {held.words}", hint)


def is_ready(body: Body, revision: str) -> bool:
    """Say whether an object is ready as it is declared now, at a revision if one is given."""
    ref = ObjectRef.of(body)
    adapter = adapter_of(ref.group, ref.kind)
    observed = mapping_of(body, "status").get("observedGeneration")
    generation = mapping_of(body, "metadata").get("generation")
    if isinstance(observed, int) and isinstance(generation, int) and observed < generation:
        return False
    stands = standing(body)
    if adapter is None or not adapter.ready(body) or stands.suspended:
        return False
    return not revision or revision_is(stands.revision, revision)


def revision_is(shown: str, wanted: str) -> bool:
    """Say whether a revision as it is shown (`main@sha1:…`, a commit, a tag) is the one that is wanted."""
    name, _, digest = shown.rpartition("@")
    commit = digest.rpartition(":")[2]
    return wanted in (shown, name, digest, commit) or (bool(_COMMIT.fullmatch(wanted)) and commit.startswith(wanted))
