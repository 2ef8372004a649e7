"""Approves what a unit asks for before it removes anything."""

from __future__ import annotations

from datetime import UTC, datetime

from trueup.commands.sync import patch, requests_of
from trueup.commands.waiting import Outcome
from trueup.core.model.objects import ObjectRef
from trueup.core.problem import Kind, Problem
from trueup.dialects.rollback_options import APPROVED
from trueup.queries.objects import Objects


async def approve(cluster: Objects, word: str, namespace: str) -> Outcome:
    """Approve what a unit asks about now, and have it looked at. Raises `Problem` where it asks nothing."""
    body = await cluster.unit(word, namespace)
    ref = ObjectRef.of(body)
    question = (await cluster.state(ref)).question
    if question is None:
        raise Problem(f"{ref} waits for no approval", "`trueup why` says what it waits for", Kind.BAD_USE)
    now = datetime.now(UTC)
    requested = requests_of(ref).reconcile(now.isoformat())
    # Times are stored in whole seconds: what was asked in this second counts as asked before.
    marks = {APPROVED: now.isoformat(timespec="seconds"), **requested}
    await patch(cluster, ref, {"metadata": {"annotations": marks}})
    return Outcome(ref, "what it asked for is approved")
