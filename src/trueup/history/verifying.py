"""Finding what was altered in the history: every chain is computed anew and held against what is stored.

What is found is named by writer, entry and time. Where the end or the beginning of a chain is missing, its head, its
checkpoints and the link after it tell. Whoever may write the database can also compute a whole chain anew, with its
head and all checkpoints after it: a seal that `trueup history verify` printed and that was kept elsewhere tells that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from trueup.history.chain import START, Head, link_digest, seal_of
from trueup.history.databases import HistoryUnavailable, told
from trueup.history.entries import decode_entry, microseconds, moment
from trueup.history.schema import CHAINS, CHECKPOINTS, ENTRIES


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong: `what` is altered, missing, inserted or checkpoint; of which entry, and in words."""

    what: str
    writer: str
    id: str
    at: datetime | None
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """What was looked at and what is wrong; `seal` is the last checkpoint's, empty where there is none."""

    entries: int
    writers: int
    checkpoints: int
    seal: str
    findings: tuple[Finding, ...]


FINDINGS_KEPT = 1000


def verify(engine: Engine, seal: str = "") -> Verdict:
    """Hold the whole history against its chains, and against a seal that was kept elsewhere, if one is given.

    Raises `HistoryUnavailable`.
    """
    try:
        with still(engine) as connection:
            return verdict_of(connection, seal)
    except SQLAlchemyError as error:
        raise HistoryUnavailable(f"the history cannot be read: {told(error)}") from error


def verdict_of(connection: Connection, seal: str = "") -> Verdict:
    """Do the same through a connection for which nothing changes meanwhile. Raises `SQLAlchemyError`."""
    findings: list[Finding] = []
    checkpoints = connection.execute(select(CHECKPOINTS).order_by(CHECKPOINTS.c.number)).all()
    findings += _seals(checkpoints)
    if seal and seal not in {row.seal for row in checkpoints}:
        words = f"no checkpoint has the seal {seal}: the history was computed anew since, or is another one"
        findings.append(Finding("checkpoint", "", "", None, words))
    heads = {row.writer: Head(row.link, row.digest, row.id, row.at) for row in connection.execute(select(CHAINS))}
    writers = set(heads) | {row.writer for row in checkpoints}
    writers |= set(connection.scalars(select(ENTRIES.c.writer).distinct()))
    count = 0
    for writer in sorted(writers):
        mine = [row for row in checkpoints if row.writer == writer]
        chain = _Chain(writer, mine, heads.get(writer))
        for row in _rows(connection, writer):
            count += 1
            findings += chain.take(row)
        findings += chain.end()
    last = checkpoints[-1].seal if checkpoints else ""
    return Verdict(count, len(writers), len(checkpoints), last, tuple(findings[:FINDINGS_KEPT]))


def still(engine: Engine) -> Connection:
    """Give a connection for which nothing changes while it reads, whoever writes meanwhile."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _rows(connection: Connection, writer: str) -> Iterator[Any]:
    query = select(ENTRIES).where(ENTRIES.c.writer == writer).order_by(ENTRIES.c.link)
    yield from connection.execution_options(yield_per=500).execute(query)


def _seals(checkpoints: Any) -> Iterator[Finding]:
    before, number = "", 0
    for row in checkpoints:
        if row.number != number + 1:
            message = f"checkpoints {number + 1} to {row.number - 1} are missing"
            yield Finding("checkpoint", row.writer, row.id, moment(row.made), message)
            before = ""
        values = [row.number, row.writer, row.link, row.digest, row.id, row.at, row.removed, row.first_at, row.made]
        whole = row.number == number + 1
        if whole and seal_of(before, values) != row.seal:
            message = f"checkpoint {row.number} was altered, or one before it"
            yield Finding("checkpoint", row.writer, row.id, moment(row.made), message)
        before, number = row.seal, row.number


class _Chain:
    """One writer's chain, taken link by link from where retention has left its beginning."""

    def __init__(self, writer: str, checkpoints: list[Any], head: Head | None) -> None:
        self._writer = writer
        self._head = head
        self._checkpoints = {row.link: row for row in checkpoints}
        removed = [row for row in checkpoints if row.removed]
        self._base = removed[-1] if removed else None
        self._link = self._base.link if self._base else 0
        self._last = Head(self._link, self._base.digest, self._base.id, self._base.at) if self._base else START
        self._previous = ""

    def take(self, row: Any) -> Iterator[Finding]:
        """Say what is wrong with the next link there is."""
        if row.link <= self._link:
            yield self._finding("inserted", row.id, row.at, f"link {row.link} stands where nothing can be any more")
            return
        if row.link > self._link + 1:
            yield self._missing(self._link + 1, row.link - 1, row.before_id, row.before_at)
        elif self._link and row.before_digest != self._last.digest:
            if row.before_id != self._last.id:
                known = f"the next link knows {row.before_id} in its place"
                yield self._finding("inserted", self._last.id, self._last.at, f"link {self._link}: {known}")
                yield self._finding("missing", row.before_id, row.before_at, f"link {self._link} was replaced")
            elif self._previous != "altered":
                known = "the next link carries another digest of it"
                yield self._finding("altered", self._last.id, self._last.at, f"link {self._link}: {known}")
        elif not self._link and row.before_digest:
            yield self._finding("altered", row.id, row.at, "the first link follows another one")
        self._previous = ""
        if why := _altered(self._writer, row):
            self._previous = "altered"
            yield self._finding("altered", row.id, row.at, f"link {row.link}: {why}")
        checkpoint = self._checkpoints.get(row.link)
        if checkpoint is not None and checkpoint.digest != row.digest and self._previous != "altered":
            made = moment(checkpoint.made).isoformat(timespec="seconds")
            yield self._finding("altered", row.id, row.at, f"link {row.link}: the checkpoint of {made} says otherwise")
        self._link, self._last = row.link, Head(row.link, row.digest, row.id, row.at)

    def end(self) -> Iterator[Finding]:
        """Say what is wrong with the end of the chain."""
        head = self._head or START
        if head.link > self._link:
            yield self._missing(self._link + 1, head.link, head.id, head.at)
        elif self._link and head.digest != self._last.digest and self._previous != "altered":
            words = f"link {self._link}: its writer's chain has another head"
            yield self._finding("inserted", self._last.id, self._last.at, words)
        last, sealed = max(head.link, self._link), max(self._checkpoints, default=0)
        if sealed > last:
            row = self._checkpoints[sealed]
            yield self._missing(last + 1, sealed, row.id, row.at)

    def _missing(self, first: int, last: int, id: str, at: int) -> Finding:
        words = f"link {first} is missing" if first == last else f"links {first} to {last} are missing, the last"
        after = f", after {self._last.id}" if self._last.id else ""
        return self._finding("missing", id, at, f"{words}{after}" if first == last else f"{words} named here{after}")

    def _finding(self, what: str, id: str, at: int, message: str) -> Finding:
        return Finding(what, self._writer, id, moment(at) if at else None, message)


def _altered(writer: str, row: Any) -> str:
    """Say in which way a row is not what its digest was made of; empty where it is."""
    before = Head(row.link - 1, row.before_digest, row.before_id, row.before_at)
    if link_digest(writer, before, row.entry.encode()) != row.digest:
        return "its digest is not that of what stands there"
    try:
        entry = decode_entry(row.entry)
    except msgspec.DecodeError:
        return "it cannot be read"
    if (entry.id, microseconds(entry.at)) != (row.id, row.at):
        return "its id or time is not that of its content"
    return ""
