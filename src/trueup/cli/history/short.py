"""What a unit's own state tells: its short history where no database is, and what is held back or pinned now."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from trueup.cli.errors import Problem
from trueup.cli.history.columns import SHORT
from trueup.cli.options import Form
from trueup.cli.tables import data_of, short, show, tell
from trueup.cli.where import Where
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import UnitState
from trueup.core.problem import Kind

PATIENCE = 5.0
"""Seconds after which the cluster is not waited for: the history alone answers too."""


async def controllers_history(where: Where) -> str:
    """Say where the cluster's controller keeps the history; empty where it cannot be asked, or nobody says."""
    from trueup.cli.connection import connected
    from trueup.kube.errors import KubeError
    from trueup.queries.controller import history_place

    with contextlib.suppress(Problem, TimeoutError):
        async with asyncio.timeout(PATIENCE), connected(where) as cluster:
            try:
                return await history_place(cluster.client)
            except KubeError:
                return ""
    return ""


async def must_exist(where: Where, word: str) -> None:
    """Refuse a unit that neither the history nor the cluster knows. Raises `Problem`."""
    from trueup.cli.connection import connected

    try:
        async with asyncio.timeout(PATIENCE), connected(where) as cluster:
            await cluster.unit(word, where.namespace)
    except TimeoutError:
        return
    except Problem as problem:
        # A cluster that cannot be asked proves nothing.
        if problem.kind is Kind.NOT_FOUND:
            raise Problem(f"{problem.message}, and the history knows none", problem.hint, problem.kind) from problem


async def short_history(where: Where, word: str, form: Form, *, headings: bool = True) -> None:
    """Show a unit's short history, the newest first, and what is held back."""
    state = await _state(where, word)
    newest = state.history[::-1]
    data = {
        "history": data_of(newest),
        "held": data_of(state.held),
        "pin": _pin(state),
        "good": state.good.revision if state.good else None,
    }
    rows = [
        (
            str(item.id),
            short(item.revision),
            item.started_at[:19],
            item.finished_at[:19],
            item.outcome,
            item.initiator or "automated",
        )
        for item in newest
    ]
    show(form, data, SHORT, rows, "nothing was delivered yet", headings=headings)
    if form.for_people:
        _show_standing(state)


def _pin(state: UnitState) -> dict[str, Any] | None:
    pin = state.pin
    if pin is None:
        return None
    return {"id": pin.id, "revision": pin.inputs.revision, "since": pin.since, "by": pin.by, "reason": pin.reason}


async def show_standing(where: Where, word: str) -> None:
    """Show below a unit's deployments what is held back or pinned now, where its cluster can be asked."""
    with contextlib.suppress(Problem, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            _show_standing(await _state(where, word))


async def _state(where: Where, word: str) -> UnitState:
    # The history alone needs no cluster: what talks to one takes as long to import as all the rest.
    from trueup.cli.connection import connected

    async with connected(where) as cluster:
        return await cluster.state(ObjectRef.of(await cluster.unit(word, where.namespace)))


def _show_standing(state: UnitState) -> None:
    if state.pin is not None:
        tell(["", state.pin.words])
    if state.held is not None:
        held = state.held
        tell(["", f"held back: {short(held.revision)} since {held.since[:19]}: {held.words}"])
