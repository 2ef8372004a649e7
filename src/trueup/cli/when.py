"""Times as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from trueup.cli.errors import BAD_USE, Problem

_AGE = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def when(text: str, option: str) -> datetime | None:
    """Read a time or an age; `None` for an empty text. Raises `Problem`, which names the option."""
    if not text:
        return None
    if found := _AGE.fullmatch(text):
        try:
            return datetime.now(UTC) - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "write 2026-11-25, 2026-11-25T14:00:00Z, or an age such as 90m, 2h, 7d"
        raise Problem(f"{option} {text!r} is no time", hint, BAD_USE) from None
    return moment if moment.tzinfo else moment.astimezone()
