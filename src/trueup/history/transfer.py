"""The whole history as JSON lines, and back into an empty database: with its chains, so that it can be verified anew.

A line is an entry, the head of a writer's chain, or a checkpoint, named by its `line`. An entry's JSON stands in its
line byte for byte as it is stored, which is what its digest is over. The last line says how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from trueup.core.redaction import redact
from trueup.history.databases import HistoryUnavailable, insert_new, migrate, take_turn, told
from trueup.history.entries import decode_entry
from trueup.history.schema import CHAINS, CHECKPOINTS, ENTRIES, MENTIONS, TERMS
from trueup.history.terms import Term, terms_of
from trueup.history.verifying import Verdict, still, verdict_of

BATCH = 500
_ENCODER = msgspec.json.Encoder()
_TABLES: dict[str, Table] = {"entry": ENTRIES, "chain": CHAINS, "checkpoint": CHECKPOINTS}


class NotTaken(Exception):
    """What was to be brought in is no whole history, or there is one already. Nothing was changed."""


def export_history(engine: Engine, write: Callable[[bytes], object], seal: str = "") -> Verdict:
    """Hand out all lines, and say whether the history is as it was written. Raises `HistoryUnavailable`."""
    try:
        with still(engine) as connection:
            verdict = verdict_of(connection, seal)
            count = 0
            for line in _lines(connection):
                write(line)
                count += 1
            write(_ENCODER.encode({"line": "end", "lines": count, "seal": verdict.seal}))
            return verdict
    except SQLAlchemyError as error:
        raise HistoryUnavailable(f"the history cannot be read: {told(error)}") from error


def import_history(engine: Engine, lines: Iterable[bytes]) -> Verdict:
    """Bring a history into an empty database, all of it or nothing; gives what its verification says.

    Raises `NotTaken` and `HistoryUnavailable`.
    """
    try:
        migrate(engine)
        with engine.begin() as connection:
            take_turn(connection)
            if connection.scalar(select(func.count()).select_from(CHECKPOINTS)):
                raise NotTaken("the database holds a history already; only an empty one takes another")
            _bring_in(connection, iter(lines))
            verdict = verdict_of(connection)
            if verdict.findings:
                raise NotTaken(f"it is not as it was written: {verdict.findings[0].message}")
            return verdict
    except (SQLAlchemyError, OSError) as error:
        raise HistoryUnavailable(f"the history cannot be written: {told(error)}") from error


def _lines(connection: Connection) -> Iterator[bytes]:
    for name, table in _TABLES.items():
        order = list(table.primary_key.columns)
        rows = connection.execution_options(yield_per=BATCH).execute(select(table).order_by(*order))
        for row in rows.mappings():
            values: dict[str, Any] = {"line": name, **row}
            if name == "entry":
                values["entry"] = msgspec.Raw(row["entry"].encode())
            yield _ENCODER.encode(values)


class _Line(msgspec.Struct):
    line: str
    lines: int = 0
    entry: msgspec.Raw = msgspec.Raw(b"")


def _bring_in(connection: Connection, lines: Iterator[bytes]) -> None:
    count, ended = 0, False
    while batch := list(islice(lines, BATCH)):
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
        for raw in batch:
            if not raw.strip():
                continue
            if ended:
                raise NotTaken("something follows its last line")
            read, row = _row(raw, count + 1)
            if read.line == "end":
                ended = True
                if read.lines != count:
                    raise NotTaken(f"it has {count} lines, and its last one says {read.lines}")
                continue
            rows[read.line].append(row)
            count += 1
        for name, table in _TABLES.items():
            if rows[name]:
                connection.execute(insert(table), rows[name])
        _index(connection, rows["entry"])
    if not ended:
        raise NotTaken("its end is missing: it was cut, or is no export of a history")


def _row(raw: bytes, number: int) -> tuple[_Line, dict[str, Any]]:
    try:
        read = msgspec.json.decode(raw, type=_Line)
        values: dict[str, Any] = msgspec.json.decode(raw)
        if read.line == "entry":
            values["entry"] = bytes(read.entry).decode()
            decode_entry(values["entry"])
        if read.line != "end":
            columns = [column.name for column in _TABLES[read.line].columns]
            return read, {name: values[name] for name in columns}
        return read, {}
    except (msgspec.MsgspecError, KeyError, UnicodeError) as error:
        raise NotTaken(f"line {number} is none of a history: {redact(str(error))[:200]}") from error


def _index(connection: Connection, rows: list[dict[str, Any]]) -> None:
    terms: dict[int, Term] = {}
    places: set[tuple[int, int, int]] = set()
    for row in rows:
        found = {term.id: term for term in terms_of(decode_entry(row["entry"]))}
        terms |= found
        places.update((id, row["at"], row["number"]) for id in found)
    named: list[dict[str, Any]] = [
        {"id": id, "kind": int(term.kind), "value": term.value.replace("\0", "")} for id, term in sorted(terms.items())
    ]
    insert_new(connection, TERMS, named)
    mentions = [{"term": term, "at": at, "number": number} for term, at, number in sorted(places)]
    insert_new(connection, MENTIONS, mentions)
