"""Times and durations as Kubernetes objects write them: Go's durations, RFC 3339 to the second."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{0,9})?", re.ASCII)
LONGEST = 100 * 365 * 86400.0
"""Longer durations than this many seconds are a mistake."""

LEAST_PAUSE = 1.0
"""Seconds between two tries, however often an object asks for them: each costs what is everybody's."""


def seconds(text: str, *, bare: bool = False) -> float | None:
    """Read a Go duration (`1m30s`) as seconds; `bare` allows a plain number of seconds. `None`: it is none."""
    if bare and _NUMBER.fullmatch(text):
        return min(float(text), LONGEST)
    if len(text) > 64 or not _DURATION.fullmatch(text):
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if text.startswith("-") or total > LONGEST:
        return None
    return total


def duration(value: float) -> str:
    """Write seconds as Go does: `1h0m0s`, `4m30s`, `3.25s`, `120ms`; to the millisecond."""
    if not math.isfinite(value) or value <= 0:
        return "0s"
    millis = round(value * 1000)
    if millis < 1000:
        return f"{millis}ms" if millis else "0s"
    whole, rest = divmod(millis, 1000)
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    text = f"{secs}{fraction}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def stamp(when: datetime) -> str:
    """Write a time as the API server does: UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def restamped(text: str) -> str:
    """Write a stored RFC 3339 time to the second; what cannot be read stays as it is."""
    if len(text) == 20 and text.endswith("Z"):
        return text
    parsed = parsed_time(text)
    return stamp(parsed) if parsed else text


def parsed_time(text: str) -> datetime | None:
    """Read an RFC 3339 time; `None`: it is none."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
