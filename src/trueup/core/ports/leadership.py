"""Whether this controller may write, as a port."""

from __future__ import annotations

from typing import Protocol


class Fence(Protocol):
    """Whether this controller may write."""

    @property
    def open(self) -> bool:
        """Whether the lease is held at this moment."""
        ...

    def check(self) -> None:
        """Raise `Fenced` unless the lease is held at this moment."""
        ...


class Fenced(Exception):
    """This controller no longer holds the lease: it must write nothing more."""
