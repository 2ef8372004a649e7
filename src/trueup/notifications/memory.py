"""What was told last of each object to whom, and what is still on its way: nothing is told twice, and nothing is lost.

A small file in the data folder, replaced as a whole. What had not arrived when the process ended, however it ended, is
told after the next start; what arrived within the last moments before a crash may then be told once more. Losing the
file tells bad news that last once more, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from trueup.core.model.objects import ObjectRef
from trueup.core.notification.notification import NotificationEvent

log = structlog.get_logger(__name__)

REMEMBERED = 20_000
ON_THE_WAY = 2_000
"""News that is kept until it has arrived; what is older is still sent, but not again after a crash."""

STALE = timedelta(days=1)
"""What has been on its way for so long is not told any more."""

WRITE_AFTER = 0.1
_CHANGING = re.compile(r"\w*\d\w*")
"""Counts, times and generated names: what differs in them alone is no other news."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last news of one object: its digest, and whether it was bad."""

    digest: str
    bad: bool = False


class Sent(msgspec.Struct, frozen=True):
    """News on its way to one who listens."""

    listener: ObjectRef
    event: NotificationEvent


class _Kept(msgspec.Struct, frozen=True):
    """The file."""

    told: dict[str, Told] = {}
    on_the_way: dict[str, Sent] = {}


class Memory:
    """Remembers by (who is told, of whom). Not for several processes at once: the lease sees to that."""

    def __init__(self, path: Path) -> None:
        """Take the file; nothing is read yet."""
        self._path = path
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._on_the_way: OrderedDict[str, Sent] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None
        self._changed = False

    def load(self) -> None:
        """Read what an earlier process has told. A file that cannot be read counts as none."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("what was told before cannot be read; bad news that lasts is told again", error=str(error))
            return
        self._told = OrderedDict(kept.told)
        oldest = datetime.now(UTC) - STALE
        self._on_the_way = OrderedDict((key, sent) for key, sent in kept.on_the_way.items() if sent.event.at >= oldest)

    def on_the_way(self) -> tuple[Sent, ...]:
        """Give what has not arrived yet, the oldest first."""
        return tuple(self._on_the_way.values())

    def news(self, listener: ObjectRef, event: NotificationEvent) -> bool:
        """Say whether this is news for a listener; it is then on its way, until it is said to have arrived."""
        key = _key(listener, event.about)
        known = self._told.get(key)
        bad = event.severity == "error"
        digest = digest_of_news(event)
        if known is not None and known.digest == digest and known.bad == bad:
            return False
        if event.recovered and (known is None or not known.bad):
            return False
        self._told[key] = Told(digest, bad)
        self._told.move_to_end(key)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._on_the_way[key] = Sent(listener, event)
        self._on_the_way.move_to_end(key)
        while len(self._on_the_way) > ON_THE_WAY:
            self._on_the_way.popitem(last=False)
        self._write_soon()
        return True

    def arrived(self, listener: ObjectRef, event: NotificationEvent) -> None:
        """Take note that news has arrived, or is given up. Newer news of the same object stays on its way."""
        key = _key(listener, event.about)
        sent = self._on_the_way.get(key)
        if sent is not None and sent.event == event:
            del self._on_the_way[key]
            self._write_soon()

    def was_bad(self, listener: ObjectRef, about: ObjectRef) -> bool:
        """Say whether the last that a listener was told of an object was bad."""
        known = self._told.get(_key(listener, about))
        return known is not None and known.bad

    async def flush(self) -> None:
        """Wait until everything is written."""
        if self._writing is not None:
            await self._writing

    def _write_soon(self) -> None:
        self._changed = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_changes(), name="notifications-memory")

    async def _write_changes(self) -> None:
        # What changes while the file is being written is written next.
        while self._changed:
            await asyncio.sleep(WRITE_AFTER)
            self._changed = False
            await asyncio.to_thread(self._write, msgspec.json.encode(_Kept(self._told, self._on_the_way)))

    def _write(self, data: bytes) -> None:
        part = self._path.with_suffix(".part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(self._path)
        except OSError as error:
            log.warning("what was told cannot be written; a restart may tell it again", error=str(error))


def _key(listener: ObjectRef, about: ObjectRef) -> str:
    return f"{'/'.join(listener)}|{'/'.join(about)}"


def digest_of_news(event: NotificationEvent) -> str:
    """Name what is new in a happening: another count of restarts, say, is nothing new."""
    text = _CHANGING.sub("#", event.message) if event.severity == "error" else event.sync or event.message
    parts = (event.severity.value, event.reason, event.revision, text)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
