"""What was told last of each object to whom: so that nothing is told twice, also after a restart.

A small file in the data folder, replaced as a whole. Losing it tells bad news that last once more, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections import OrderedDict
from pathlib import Path

import msgspec
import structlog

from trueup.core.objects import ObjectRef
from trueup.core.telling import Happening

log = structlog.get_logger(__name__)

REMEMBERED = 20_000
WRITE_AFTER = 0.5
_CHANGING = re.compile(r"\w*\d\w*")
"""Counts, times and generated names: what differs in them alone is no other news."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last news of one object: its digest, and whether it was bad."""

    digest: str
    bad: bool = False


class Memory:
    """Remembers by (who is told, of whom). Not for several processes at once: the lease sees to that."""

    def __init__(self, path: Path) -> None:
        """Take the file; nothing is read yet."""
        self._path = path
        self._told: OrderedDict[str, Told] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Read what an earlier process has told. A file that cannot be read counts as none."""
        try:
            self._told = OrderedDict(msgspec.json.decode(self._path.read_bytes(), type=dict[str, Told]))
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("what was told before cannot be read; bad news that lasts is told again", error=str(error))

    def news(self, listener: ObjectRef, happening: Happening) -> bool:
        """Say whether this is news for a listener, and take note that it is told now."""
        key = f"{'/'.join(listener)}|{'/'.join(happening.about)}"
        known = self._told.get(key)
        bad = happening.severity == "error"
        digest = digest_of_news(happening)
        if known is not None and known.digest == digest and known.bad == bad:
            return False
        if happening.recovered and (known is None or not known.bad):
            return False
        self._told[key] = Told(digest, bad)
        self._told.move_to_end(key)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        self._write_soon()
        return True

    def was_bad(self, listener: ObjectRef, about: ObjectRef) -> bool:
        """Say whether the last that a listener was told of an object was bad."""
        known = self._told.get(f"{'/'.join(listener)}|{'/'.join(about)}")
        return known is not None and known.bad

    async def flush(self) -> None:
        """Write what is not written yet."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        await asyncio.to_thread(self._write, msgspec.json.encode(self._told))

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later(), name="notifications-memory")

    async def _write_later(self) -> None:
        await asyncio.sleep(WRITE_AFTER)
        await asyncio.to_thread(self._write, msgspec.json.encode(self._told))

    def _write(self, data: bytes) -> None:
        part = self._path.with_suffix(".part")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(self._path)


def digest_of_news(happening: Happening) -> str:
    """Name what is new in a happening: another count of restarts, say, is nothing new."""
    text = _CHANGING.sub("#", happening.message) if happening.severity == "error" else happening.message
    parts = (happening.severity.value, happening.reason, happening.revision, text)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()
