"""The short history that a unit's state keeps: for `trueup history UNIT` where no database can be read."""

from __future__ import annotations

import msgspec

from trueup.cli.access import access
from trueup.cli.showing import Form, console, short, show
from trueup.core.objects import ObjectRef

COLUMNS = ("ID", "REVISION", "STARTED", "FINISHED", "OUTCOME", "BY")


async def short_history(kubeconfig: str, context: str, word: str, namespace: str, form: Form) -> None:
    """Show a unit's short history, the newest last, and what is held back."""
    async with access(kubeconfig, context) as cluster:
        state = await cluster.state(ObjectRef.of(await cluster.unit(word, namespace)))
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
    if form is Form.TABLE and state.pin is not None:
        console().print(f"\n{state.pin.words}", soft_wrap=True, markup=False)
    if form is Form.TABLE and state.held is not None:
        held = state.held
        text = f"\nheld back: {short(held.revision)} since {held.since[:19]}: {held.reason}"
        console().print(text, soft_wrap=True, markup=False)
