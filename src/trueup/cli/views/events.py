"""`trueup events`: what Kubernetes' events say of units, their sources, their objects and what was made of those."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import typer

from trueup.cli.connection import connected
from trueup.cli.options import Form
from trueup.cli.tables import ESSENTIAL, Column, Cut, Stream, age, show, show_data
from trueup.cli.tables.kinds import brief_object
from trueup.cli.where import Where
from trueup.core.model.dialect import Role
from trueup.core.model.objects import ObjectRef
from trueup.core.redaction import redact
from trueup.queries.events import EventsOf, SeenEvent

COLUMNS = (
    Column("LAST SEEN"),
    Column("COUNT", 3),
    Column("TYPE", 5, tones={"Warning": "yellow"}),
    Column("REASON", 8),
    Column("OBJECT", ESSENTIAL, Cut.NAME, 20, identifies=True, brief=brief_object),
    Column("MESSAGE", 7, Cut.TEXT, 16),
)
FORGOTTEN = "Kubernetes forgets events after an hour; `trueup history` and `trueup logs` go back further"


async def events(where: Where, word: str, watch: bool, form: Form) -> None:
    """Show events, the newest last; with `watch` go on until Ctrl-C."""
    async with connected(where) as cluster:
        body = await cluster.named(word, where.namespace, (Role.UNIT, Role.SOURCE)) if word else None
        found = EventsOf(cluster, body, where.namespace)
        try:
            await found.start()
            await found.complete()
            for problem in found.problems():
                typer.echo(f"note: {problem}", err=True)
            seen = found.news()
            if not watch:
                name = f"of {ObjectRef.of(body)}" if body else "of units and sources"
                show(form, [_data(one) for one in seen], COLUMNS, [_row(one) for one in seen], f"no events {name}")
                if not seen and form.for_people:
                    typer.echo(f"hint: {FORGOTTEN}", err=True)
                return
            await _go_on(found, seen, form)
        finally:
            await found.stop()


async def _go_on(found: EventsOf, seen: list[SeenEvent], form: Form) -> None:
    stream = Stream(COLUMNS, wide=form is Form.WIDE)
    if form.for_people:
        stream.begin([_row(one) for one in seen])
    lost = False
    while True:
        for one in seen:
            if form.for_people:
                stream.row(_row(one))
            elif form is Form.JSON:
                typer.echo(json.dumps(_data(one)))
            else:
                show_data(Form.YAML, _data(one))
                typer.echo("---")
        await found.changed.wait()
        found.changed.clear()
        seen = found.news()
        outage = found.outage()
        if outage is not None and not lost:
            typer.echo(f"warning: {outage}; events are shown when the cluster answers again", err=True)
        lost = outage is not None


def _data(one: SeenEvent) -> dict[str, Any]:
    told = msgspec.to_builtins(one)
    del told["uid"]
    return {**told, "message": redact(one.message)}


def _row(one: SeenEvent) -> tuple[str, ...]:
    message = " ".join(redact(one.message).split())
    return (age(one.last), str(one.count), one.type, one.reason, one.object, message)
