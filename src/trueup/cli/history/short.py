"""What a unit's own state tells: its short history where no database is, and what is held back or pinned now."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from trueup.cli.errors import Problem
from trueup.cli.options import Form
from trueup.cli.tables import console, short, show
from trueup.cli.where import Where
from trueup.core.model.objects import ObjectRef
from trueup.core.model.state import UnitState

COLUMNS = ("ID", "REVISION", "STARTED", "FINISHED", "OUTCOME", "BY")
PATIENCE = 5.0
"""Seconds after which the cluster is not waited for: the history alone answers too."""


async def short_history(kubeconfig: str, context: str, word: str, namespace: str, form: Form) -> None:
    """Show a unit's short history, the newest last, and what is held back."""
    state = await _state(kubeconfig, context, word, namespace)
    data = {
        "history": [msgspec.to_builtins(item) for item in state.history],
        "held": msgspec.to_builtins(state.held),
        "pin": msgspec.to_builtins(state.pin),
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
        for item in state.history
    ]
    show(form, data, COLUMNS, rows, "nothing was delivered yet")
    if form is Form.TABLE:
        _show_standing(state)


async def show_standing(kubeconfig: str, context: str, word: str, namespace: str) -> None:
    """Show below a unit's deployments what is held back or pinned now, where its cluster can be asked."""
    with contextlib.suppress(Problem, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            _show_standing(await _state(kubeconfig, context, word, namespace))


async def _state(kubeconfig: str, context: str, word: str, namespace: str) -> UnitState:
    # The history alone needs no cluster: what talks to one takes as long to import as all the rest.
    from trueup.cli.connection import connected

    async with connected(Where(kubeconfig, context)) as cluster:
        return await cluster.state(ObjectRef.of(await cluster.unit(word, namespace)))


def _show_standing(state: UnitState) -> None:
    if state.pin is not None:
        console().print(f"\n{state.pin.words}", soft_wrap=True, markup=False)
    if state.held is not None:
        held = state.held
        text = f"\nheld back: {short(held.revision)} since {held.since[:19]}: {held.words}"
        console().print(text, soft_wrap=True, markup=False)
