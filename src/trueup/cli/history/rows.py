"""What `trueup history` answers: deployments as rows, one of them whole, and whether all are as they were written."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import typer
from sqlalchemy import URL, Engine

from trueup.cli.errors import BAD_USE, NOT_FOUND, Problem, did_you_mean
from trueup.cli.history.columns import DEPLOYMENTS, FINDINGS
from trueup.cli.history.details import lines_of
from trueup.cli.history.short import controllers_history, must_exist, short_history, show_standing
from trueup.cli.options import Form
from trueup.cli.tables import data_of, short, show, show_data, tell
from trueup.cli.when import when
from trueup.cli.where import Where
from trueup.core.model.deployment_record import Cause, Ending
from trueup.history import (
    Entry,
    History,
    HistoryUnavailable,
    Question,
    default_url,
    open_database,
    place_of,
    read_url,
    verify,
)
from trueup.runtime.settings import default_data

CSV_COLUMNS = (
    "id", "started", "finished", "unit", "outcome", "cause", "initiator", "revision", "previous", "author", "email",
    "committed", "pull_request", "subject", "images", "versions", "message",
)  # fmt: skip


class Asked(msgspec.Struct, frozen=True):
    """The options of `trueup history list` as they were written."""

    unit: str
    namespace: str
    since: str
    until: str
    author: str
    revision: str
    image: str
    version: str
    object: str
    field: str
    outcome: str
    cause: str
    initiator: str
    pull_request: int
    limit: int
    before: str


async def list_deployments(asked: Asked, url: str, form: Form | None, where: Where, *, headings: bool = True) -> None:
    """Show what answers (no form: as CSV), or a unit's short history where no database is. Raises `Problem`."""
    question = _question(asked)
    where = where._replace(namespace=asked.namespace)
    try:
        database = await database_of(url, where)
        with _opened(database) as engine:
            history = History(engine)
            entries = history.ask(question)
            known = bool(entries) or not question.unit or bool(history.ask(Question(unit=question.unit, limit=1)))
    except HistoryUnavailable as error:
        if form is None or not question.unit or question != Question(unit=question.unit, limit=question.limit):
            raise _unavailable(error) from error
        typer.echo(f"note: {error}; this is the short history that the unit's own state keeps", err=True)
        await short_history(where, asked.unit, form, headings=headings)
        return
    if not known:
        await must_exist(where, asked.unit)
    if form is None:
        _write_csv(entries)
        return
    data = {"history": [_data(entry) for entry in entries]}
    nothing = "nothing in the history answers this"
    show(form, data, DEPLOYMENTS, [_row(entry) for entry in entries], nothing, headings=headings)
    if form.for_people and len(entries) == asked.limit:
        typer.echo(f"there may be more: --before {entries[-1].id}", err=True)
    if form.for_people:
        typer.echo(f"read from {place_of(database)}", err=True)
    if form.for_people and asked.unit:
        await show_standing(where, asked.unit)


async def show_deployment(id: str, url: str, form: Form, where: Where) -> None:
    """Show one deployment whole. Raises `Problem`."""
    try:
        with _opened(await database_of(url, where)) as engine:
            told = History(engine).one(id)
    except HistoryUnavailable as error:
        raise _unavailable(error) from error
    if told is None:
        raise Problem(f"there is no single deployment {id!r}", "`trueup history` lists their ids", NOT_FOUND)
    if form.for_people:
        tell(lines_of(told))
        return
    data = {
        **_data(told.entry),
        "writer": told.writer,
        "link": told.link,
        "digest": told.digest,
        "caused_by": told.cause.id if told.cause else None,
        "led_to": [effect.id for effect in told.effects],
    }
    show_data(form, data)


async def verify_history(url: str, seal: str, form: Form, where: Where) -> int:
    """Show what is wrong; gives the exit code. Raises `Problem`."""
    try:
        with _opened(await database_of(url, where)) as engine:
            verdict = verify(engine, seal)
    except HistoryUnavailable as error:
        raise _unavailable(error) from error
    rows = [
        (item.what, item.writer, item.id, item.at.isoformat(timespec="seconds") if item.at else "", item.message)
        for item in verdict.findings
    ]
    sound = f"{verdict.entries} entries of {verdict.writers} writers, {verdict.checkpoints} checkpoints"
    show(form, data_of(verdict), FINDINGS, rows, f"{sound}: all as it was written")
    if form.for_people:
        typer.echo(f"last seal: {verdict.seal or 'none yet'}", err=True)
    return 1 if verdict.findings else 0


def latest_ids(url: str) -> list[str]:
    """Give the ids of the newest deployments, as they are listed. Raises `HistoryUnavailable`, `Problem`."""
    with _opened(read_url(url or default_url(default_data() / "history"))) as engine:
        return [entry.id[:12] for entry in History(engine).ask(Question(limit=50))]


async def database_of(url: str, where: Where) -> URL:
    """Give the database to read: the one that is named, or this machine's file where the cluster's controller keeps it.

    Raises `HistoryUnavailable` where the controller of the cluster that is meant keeps its history somewhere else:
    another cluster's is not shown for it.
    """
    if url:
        return read_url(url)
    own = read_url(default_url(default_data() / "history"))
    kept = await controllers_history(where)
    if kept == "none":
        raise HistoryUnavailable("the controller of this cluster keeps no history (`trueup run --history none`)")
    if kept and kept != place_of(own):
        raise HistoryUnavailable(f"the controller of this cluster keeps its history elsewhere: {kept}")
    return own


@contextmanager
def _opened(url: URL) -> Iterator[Engine]:
    engine = open_database(url, read_only=True)
    try:
        yield engine
    finally:
        engine.dispose()


def _unavailable(error: HistoryUnavailable) -> Problem:
    return Problem(str(error), "name it with --history-url or TRUEUP_HISTORY, as `trueup run --history` does")


def _question(asked: Asked) -> Question:
    unit = asked.unit
    if asked.namespace and unit.count("/") < 2:
        kind, _, name = unit.rpartition("/")
        unit = f"{kind}/{asked.namespace}/{name}"
    return Question(
        unit=unit,
        since=when(asked.since, "--since"),
        until=when(asked.until, "--until"),
        author=asked.author,
        revision=asked.revision,
        image=asked.image,
        version=asked.version,
        object=asked.object,
        field=asked.field,
        outcome=_word(Ending, asked.outcome, "--outcome"),
        cause=_word(Cause, asked.cause, "--cause"),
        initiator=asked.initiator,
        pull_request=asked.pull_request,
        before=asked.before,
        limit=asked.limit,
    )


def _word(words: Any, text: str, option: str) -> Any:
    if not text:
        return None
    try:
        return words(text)
    except ValueError:
        told = f"{option} {text!r} is none of {', '.join(words)}"
        raise Problem(told, did_you_mean(text, words), BAD_USE) from None


def _data(entry: Entry) -> dict[str, Any]:
    """Give an entry as JSON has it; a record's own fields come first."""
    found: dict[str, Any] = data_of(entry)
    return {**(found.pop("record") or {}), **found}


def _row(entry: Entry) -> tuple[str, ...]:
    record, gap = entry.record, entry.gap
    ended = entry.at.isoformat(timespec="seconds")[:19]
    if record is None:
        words = f"{gap.count} deployments since {gap.since.isoformat(timespec='seconds')}: {gap.reason}" if gap else ""
        return (entry.id[:12], ended, "", "", "gap", "", "", "", words)
    return (
        entry.id[:12],
        ended,
        str(record.unit),
        short(record.revision),
        record.ending.value,
        "" if entry.recovered else record.cause.value,
        record.commit.author_name if record.commit else "",
        record.initiator or ("" if entry.recovered else "automated"),
        (record.commit.subject if record.commit else "") or ("(recovered)" if entry.recovered else ""),
    )


def _write_csv(entries: list[Entry]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for entry in entries:
        record = entry.record
        if record is None:
            words = f"{entry.gap.count} lost: {entry.gap.reason}" if entry.gap else ""
            writer.writerow([entry.id, "", entry.at.isoformat(), "", "gap", *[""] * 11, words])
            continue
        commit = record.commit
        cells = [
            entry.id, record.started.isoformat(), record.finished.isoformat(), str(record.unit), record.ending.value,
            "" if entry.recovered else record.cause.value, record.initiator, record.revision, record.previous,
            commit.author_name if commit else "", commit.author.email if commit and commit.author else "",
            commit.committer.when.isoformat() if commit and commit.committer else "", entry.pull_request,
            commit.subject if commit else "", " ".join(record.images), " ".join(record.versions), record.message,
        ]  # fmt: skip
        writer.writerow([_plain(cell) for cell in cells])


def _plain(cell: str) -> str:
    """Keep spreadsheets from taking a text that others wrote for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
