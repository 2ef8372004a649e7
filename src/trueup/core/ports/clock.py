"""Time, as a port."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can hold it still."""

    def now(self) -> float:
        """Give monotonic seconds."""
        ...

    def wall(self) -> datetime:
        """Give the time of day, in UTC."""
        ...
