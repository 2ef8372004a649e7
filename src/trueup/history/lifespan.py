"""Puts the history together for one controller: its database, its spool, its threads."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from trueup.core.model.events import Event
from trueup.core.ports import EventSink
from trueup.history.databases import open_database, place_of, read_url
from trueup.history.journal import HistoryEventSink
from trueup.history.ledger import Ledger
from trueup.history.spool_claims import claim, claim_left
from trueup.history.storing import Bounds, Storing

log = structlog.get_logger(__name__)

NONE = "none"
SPOOL_BYTES = 256 * 1024 * 1024


class HistorySettings(msgspec.Struct, frozen=True):
    """Where the history lies and how much of it is kept.

    `url`: empty for a SQLite file below `folder`, `none` for no history, else `sqlite:///PATH` or `postgresql://…`.
    `folder` also holds the spool, of at most `spool` bytes.
    """

    folder: Path
    url: str = ""
    bounds: Bounds = Bounds()
    spool: int = SPOOL_BYTES

    @property
    def database(self) -> str:
        """The URL with its default filled in."""
        return self.url or default_url(self.folder)

    @property
    def place(self) -> str:
        """Where it lies, for people elsewhere. Raises `HistoryUnavailable` for a URL that can be none."""
        return NONE if self.url == NONE else place_of(read_url(self.database))


def default_url(folder: Path) -> str:
    """Give the URL of the SQLite file in a history's folder."""
    return f"sqlite:///{folder / 'history.db'}"


class NoHistory:
    """Keeps nothing. Implements the `EventSink` port."""

    def publish(self, event: Event) -> None:
        """Take note of nothing."""


@asynccontextmanager
async def keeping(settings: HistorySettings, identity: str) -> AsyncIterator[EventSink]:
    """Keep the history as long as this lasts. Raises `HistoryUnavailable` for a URL that can be none.

    A folder that cannot be written is said in the log, and then nothing is kept: a sync must never fail for it.
    """
    if settings.url == NONE:
        yield NoHistory()
        return
    url = read_url(settings.database)
    parent = settings.folder / "spool"
    try:
        own = claim(parent / identity, settings.spool)
        left = claim_left(parent, parent / identity, settings.spool)
        engine = open_database(url)
    except OSError as error:
        log.error("no history is kept: its folder cannot be written", folder=str(settings.folder), error=str(error))
        yield NoHistory()
        return
    assert own is not None, "a process' identity is its own"
    storing = Storing(engine, Ledger(engine, identity), own.spool, left, settings.bounds)
    event_sink = HistoryEventSink(own.spool, storing)
    event_sink.start()
    try:
        yield event_sink
    finally:
        await event_sink.stop()
        with contextlib.suppress(OSError):
            if own.spool.size == 0:
                own.remove()
