"""Asking the history: the newest entries that answer a question, one entry whole, and what belongs to it.

The condition that leaves the fewest entries leads: its mentions are walked from the newest on, and of each the other
conditions are asked by whole key. Conditions with very many terms are looked at in the entries themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, select, tuple_, union_all
from sqlalchemy.exc import SQLAlchemyError

from trueup.history.conditions import Question, conditions
from trueup.history.databases import HistoryUnavailable, told
from trueup.history.entries import Entry, decode_entry, microseconds
from trueup.history.schema import ENTRIES, MENTIONS
from trueup.history.terms import terms_of

FEW = 50
"""Terms up to which a condition is asked of the index term by term."""

MANY = 10_000
"""Terms from which a condition is only looked at in the entries: databases bound the values of a statement."""

COUNTED = 20_000
"""Mentions up to which they are counted, and sorted at once."""

PAGE = 200

_Place: TypeAlias = tuple[int, int]
_Terms: TypeAlias = frozenset[int]


class Told(msgspec.Struct, frozen=True):
    """One entry and what belongs to it: what it was caused by, what it caused, and its place in its writer's chain."""

    entry: Entry
    writer: str
    link: int
    digest: str
    cause: Entry | None
    effects: tuple[Entry, ...]


class History:
    """Answers questions. Every failure is a `HistoryUnavailable`."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine that may read."""
        self._engine = engine

    def ask(self, question: Question) -> list[Entry]:
        """Give the newest entries that answer a question, the newest first."""
        try:
            with self._engine.connect() as connection:
                return _answers(connection, question)
        except SQLAlchemyError as error:
            raise HistoryUnavailable(f"the history cannot be read: {told(error)}") from error

    def one(self, id: str) -> Told | None:
        """Give one entry by its id or its beginning; `None` where there is none, or more than one."""
        try:
            with self._engine.connect() as connection:
                within = ENTRIES.c.id.between(id, id + "\U0010ffff") if len(id) < 32 else ENTRIES.c.id == id
                rows = connection.execute(select(ENTRIES).where(within).limit(2)).all()
                if len(rows) != 1:
                    return None
                entry = decode_entry(rows[0].entry)
                cause = None
                if entry.record is not None and entry.record.related:
                    raw = connection.scalar(select(ENTRIES.c.entry).where(ENTRIES.c.id == entry.record.related))
                    cause = decode_entry(raw) if raw else None
                effects = tuple(_answers(connection, Question(related=entry.id)))
                return Told(entry, rows[0].writer, rows[0].link, rows[0].digest, cause, effects)
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            words = told(error) if isinstance(error, SQLAlchemyError) else f"entry {id} was altered: {error}"
            raise HistoryUnavailable(f"the history cannot be read: {words}") from error


def _answers(connection: Connection, question: Question) -> list[Entry]:
    wishes = list(dict.fromkeys(conditions(connection, question)))
    if any(not terms for terms in wishes):
        return []
    bounds: list[tuple[str, int]] = []
    if question.since is not None:
        bounds.append(("since", microseconds(question.since)))
    if question.until is not None:
        bounds.append(("until", microseconds(question.until)))
    before = _place_of(connection, question.before) if question.before else None
    lead, others = _leading(connection, wishes)
    probed = [terms for terms in others if len(terms) <= FEW]
    looked = [terms for terms in others if len(terms) > FEW]
    found: list[Entry] = []
    page = max(PAGE, question.limit) if looked else question.limit
    while len(found) < question.limit:
        places = _walk(connection, lead, probed, bounds, before, page)
        for entry in _entries(connection, places):
            if not looked or _has_all(entry, looked):
                found.append(entry)
        if len(places) < page:
            break
        before = places[-1]
    return found[: question.limit]


def _leading(connection: Connection, wishes: list[_Terms]) -> tuple[_Terms | None, list[_Terms]]:
    """Choose the condition to walk by: that with the fewest mentions, `None` where time alone leads well enough."""
    counted = sorted(((_count(connection, terms), len(terms), terms) for terms in wishes), key=lambda item: item[:2])
    for count, size, terms in counted:
        if size <= FEW or count < COUNTED:
            return terms, [other for other in wishes if other != terms]
    return None, wishes


def _count(connection: Connection, terms: _Terms) -> int:
    if len(terms) > MANY:
        return COUNTED
    mentions = select(MENTIONS.c.term).where(MENTIONS.c.term.in_(sorted(terms))).limit(COUNTED).subquery()
    return connection.scalar(select(func.count()).select_from(mentions)) or 0


def _walk(
    connection: Connection,
    lead: _Terms | None,
    probed: list[_Terms],
    bounds: list[tuple[str, int]],
    before: _Place | None,
    limit: int,
) -> list[_Place]:
    """Give the newest places (time, number) older than `before` at which all holds, the newest first."""
    table = ENTRIES if lead is None else MENTIONS
    at, number = table.c.at, table.c.number
    where: list[ColumnElement[bool]] = [at >= value if name == "since" else at < value for name, value in bounds]
    if before is not None:
        where.append(tuple_(at, number) < tuple_(*before))
    for terms in probed:
        other = MENTIONS.alias()
        same = (other.c.term.in_(sorted(terms)), other.c.at == at, other.c.number == number)
        where.append(select(other.c.term).where(*same).exists())
    newest = (at.desc(), number.desc())
    if lead is None:
        query: Any = select(at, number).where(*where).order_by(*newest).limit(limit)
        return [(row[0], row[1]) for row in connection.execute(query)]
    if len(lead) > FEW:
        query = select(at, number).distinct().where(MENTIONS.c.term.in_(sorted(lead)), *where)
        return [(row[0], row[1]) for row in connection.execute(query.order_by(*newest).limit(limit))]
    each = [
        select(select(at, number).where(MENTIONS.c.term == term, *where).order_by(*newest).limit(limit).subquery())
        for term in sorted(lead)
    ]
    places = {(row[0], row[1]) for row in connection.execute(union_all(*each))}
    return sorted(places, reverse=True)[:limit]


def _entries(connection: Connection, places: list[_Place]) -> Iterator[Entry]:
    """Read the entries at these places, in this order; what cannot be read is left to `verify`."""
    numbers = [number for _, number in places]
    rows = connection.execute(select(ENTRIES.c.number, ENTRIES.c.entry).where(ENTRIES.c.number.in_(numbers)))
    raw = {row.number: row.entry for row in rows}
    for number in numbers:
        try:
            if number in raw:
                yield decode_entry(raw[number])
        except msgspec.DecodeError:
            continue


def _has_all(entry: Entry, wishes: list[_Terms]) -> bool:
    ids = {term.id for term in terms_of(entry)}
    return all(ids & terms for terms in wishes)


def _place_of(connection: Connection, id: str) -> _Place:
    row = connection.execute(select(ENTRIES.c.at, ENTRIES.c.number).where(ENTRIES.c.id == id)).first()
    if row is None:
        raise HistoryUnavailable(f"there is no entry {id} to go on from")
    return row.at, row.number
