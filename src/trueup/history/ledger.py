"""Writing entries into the database: each exactly once, in its writer's chain, with the terms it is found by.

A batch is one transaction. An entry that comes again (the spool delivers at least once) is known by its id and left
out; so the chain goes on from what the database holds, whatever was lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select

from trueup.core.model.artifact import Provenance
from trueup.core.model.objects import canonical_json
from trueup.history.chain import START, Head, link_digest, seal_of
from trueup.history.databases import insert_new, take_turn
from trueup.history.entries import Entry, decode_entry, entry_of, microseconds
from trueup.history.schema import CHAINS, CHECKPOINTS, ENTRIES, MENTIONS, TERMS
from trueup.history.terms import Kind, Term, term_id, terms_of

CHECKPOINT_EVERY = 1000
"""Links between two checkpoints of a chain."""

COMMIT_TRIES = 20
"""Earlier entries of a revision that are asked for its commit."""


def now() -> datetime:
    """Give the time of day, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """Writes for one writer. Not safe to be used by two threads at once."""

    def __init__(self, engine: Engine, writer: str, wall: Callable[[], datetime] = now) -> None:
        """Take an engine whose tables are in their present shape, and the writer's identity."""
        self._engine = engine
        self._writer = writer
        self._wall = wall

    def store(self, entries: Sequence[Entry]) -> int:
        """Store those that are not there yet; gives how many these were. Raises `SQLAlchemyError`."""
        with self._engine.begin() as connection:
            take_turn(connection)
            fresh = _unknown(connection, entries)
            if fresh:
                self._append(connection, _completed(connection, fresh))
        return len(fresh)

    def recover(self, entries: Sequence[Entry]) -> int:
        """Store entries that were made of short histories, except what retention has removed. Raises as `store`."""
        with self._engine.connect() as connection:
            horizon = connection.scalar(select(func.max(CHECKPOINTS.c.at)).where(CHECKPOINTS.c.removed > 0)) or -1
        return self.store([entry for entry in entries if microseconds(entry.at) > horizon])

    def checkpoint(self) -> None:
        """Make a checkpoint at the head of this writer's chain, unless the last one stands there."""
        with self._engine.begin() as connection:
            take_turn(connection)
            head = _head(connection, self._writer)
            last = connection.scalar(select(func.max(CHECKPOINTS.c.link)).where(CHECKPOINTS.c.writer == self._writer))
            if head.link > (last or 0):
                self._seal(connection, self._writer, head)

    def retain(self, days: int, records: int, batch: int = 500) -> bool:
        """Remove one batch of what is too old (days) or too much (entries), 0: no bound; says whether more may follow.

        Entries go in the order in which they were stored, so that each chain loses its beginning only, and a
        checkpoint tells where it now begins.
        """
        with self._engine.connect() as connection:
            count = connection.scalar(select(func.count()).select_from(ENTRIES)) or 0 if records else 0
        excess = max(0, count - records) if records else 0
        bound = microseconds(self._wall() - timedelta(days=days)) if days else None
        with self._engine.begin() as connection:
            take_turn(connection)
            columns = (ENTRIES.c[name] for name in ("number", "id", "at", "writer", "link", "digest", "entry"))
            oldest = connection.execute(select(*columns).order_by(ENTRIES.c.number).limit(batch)).all()
            going = []
            for place, row in enumerate(oldest):
                if place >= excess and (bound is None or row.at >= bound):
                    break
                going.append(row)
            if not going:
                return False
            for writer in dict.fromkeys(row.writer for row in going):
                mine = [row for row in going if row.writer == writer]
                last, first_at = mine[-1], min(row.at for row in mine)
                latest = max(row.at for row in mine)
                head = Head(last.link, last.digest, last.id, latest)
                self._seal(connection, writer, head, removed=len(mine), first_at=first_at)
            connection.execute(delete(ENTRIES).where(ENTRIES.c.number <= going[-1].number))
            _forget(connection, [(row.number, row.at, row.entry) for row in going])
        return len(going) == batch

    def _append(self, connection: Connection, entries: list[Entry]) -> None:
        first = _head(connection, self._writer)
        last = connection.scalar(select(func.max(ENTRIES.c.number))) or 0
        rows, terms, mentions, head = linked(self._writer, first, last, entries)
        connection.execute(insert(ENTRIES), rows)
        insert_new(connection, TERMS, terms)
        insert_new(connection, MENTIONS, mentions)
        connection.execute(delete(CHAINS).where(CHAINS.c.writer == self._writer))
        connection.execute(
            insert(CHAINS).values(writer=self._writer, link=head.link, digest=head.digest, id=head.id, at=head.at)
        )
        if first == START or first.link // CHECKPOINT_EVERY != head.link // CHECKPOINT_EVERY:
            self._seal(connection, self._writer, head)

    def _seal(self, connection: Connection, writer: str, head: Head, removed: int = 0, first_at: int = 0) -> None:
        last = connection.execute(
            select(CHECKPOINTS.c.number, CHECKPOINTS.c.seal).order_by(CHECKPOINTS.c.number.desc()).limit(1)
        ).first()
        number, before = (last.number, last.seal) if last else (0, "")
        made = microseconds(self._wall())
        values: list[str | int] = [
            number + 1, writer, head.link, head.digest, head.id, head.at, removed, first_at, made,
        ]  # fmt: skip
        names = ("number", "writer", "link", "digest", "id", "at", "removed", "first_at", "made")
        row = dict(zip(names, values, strict=True))
        connection.execute(insert(CHECKPOINTS).values(**row, seal=seal_of(before, values)))


Rows = list[dict[str, Any]]


def linked(writer: str, head: Head, last: int, entries: Iterable[Entry]) -> tuple[Rows, Rows, Rows, Head]:
    """Give the rows of entries, of their terms and of their mentions, and the chain's new head.

    The rows follow `head` in the writer's chain and the number `last` in the table. Terms and mentions are in the order
    of their keys: B-trees like it, and writers that wait for each other's rows never do so crosswise.
    """
    rows: Rows = []
    terms: dict[int, Term] = {}
    places: set[tuple[int, int, int]] = set()
    for number, entry in enumerate(entries, last + 1):
        raw, at = canonical_json(entry), microseconds(entry.at)
        before, head = head, Head(head.link + 1, link_digest(writer, head, raw), entry.id, at)
        rows.append(
            {
                "number": number,
                "id": entry.id,
                "at": at,
                "writer": writer,
                "link": head.link,
                "digest": head.digest,
                "before_digest": before.digest,
                "before_id": before.id,
                "before_at": before.at,
                "entry": raw.decode(),
            }
        )
        found = {term.id: term for term in terms_of(entry)}
        terms |= found
        places.update((id, at, number) for id in found)
    # PostgreSQL's text cannot hold a NUL.
    named: Rows = [
        {"id": id, "kind": int(term.kind), "value": term.value.replace("\0", "")} for id, term in terms.items()
    ]
    named.sort(key=lambda row: row["id"])
    return rows, named, [{"term": term, "at": at, "number": number} for term, at, number in sorted(places)], head


def _unknown(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Give those entries whose ids are not stored yet, each once."""
    unique = {entry.id: entry for entry in reversed(entries)}
    known = set(connection.scalars(select(ENTRIES.c.id).where(ENTRIES.c.id.in_(unique))))
    return [entry for entry in reversed(unique.values()) if entry.id not in known]


def _completed(connection: Connection, entries: list[Entry]) -> list[Entry]:
    """Fill in a record's commit from an earlier record of the same revision, where it has none (a return)."""
    known = {entry.record.commit.id: entry.record.commit for entry in entries if entry.record and entry.record.commit}
    found: list[Entry] = []
    for entry in entries:
        record = entry.record
        if record is not None and record.commit is None and record.revision:
            id = record.revision.rpartition(":")[2]
            commit = known.get(id) or _commit(connection, id)
            if commit is not None:
                made = entry_of(msgspec.structs.replace(record, commit=commit))
                entry = msgspec.structs.replace(made, recovered=entry.recovered)
        found.append(entry)
    return found


def _commit(connection: Connection, commit: str) -> Provenance | None:
    rows = connection.scalars(
        select(ENTRIES.c.entry)
        .join(MENTIONS, MENTIONS.c.number == ENTRIES.c.number)
        .where(MENTIONS.c.term == term_id(Kind.REVISION, commit))
        .order_by(MENTIONS.c.at.desc())
        .limit(COMMIT_TRIES)
    )
    for raw in rows:
        found = decode_entry(raw).record
        if found is not None and found.commit is not None and found.commit.id == commit:
            return found.commit
    return None


def _head(connection: Connection, writer: str) -> Head:
    row = connection.execute(select(CHAINS).where(CHAINS.c.writer == writer)).first()
    return Head(row.link, row.digest, row.id, row.at) if row else START


def _forget(connection: Connection, rows: list[tuple[int, int, str]]) -> None:
    """Remove mentions of removed entries, and terms that nothing mentions any more."""
    touched: set[int] = set()
    for number, at, raw in rows:
        try:
            ids = {term.id for term in terms_of(decode_entry(raw))}
        except msgspec.DecodeError:
            continue
        touched |= ids
        connection.execute(
            delete(MENTIONS).where(MENTIONS.c.term.in_(ids), MENTIONS.c.at == at, MENTIONS.c.number == number)
        )
    ids_left = sorted(touched)
    for start in range(0, len(ids_left), 500):
        unused = ~select(MENTIONS.c.term).where(MENTIONS.c.term == TERMS.c.id).exists()
        connection.execute(delete(TERMS).where(TERMS.c.id.in_(ids_left[start : start + 500]), unused))
