"""What a column of a table is: how important, how it may be shortened, and in which colours its words stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

ESSENTIAL = 100
"""The importance of a column that no terminal is too narrow for."""


class Cut(Enum):
    """How a cell that is too long for its column is shortened."""

    NEVER = "never"
    """It is not: the column is whole, or it is left out."""

    NAME = "name"
    """In its middle: names differ at their beginnings and ends."""

    TEXT = "text"
    """At its end, after a word."""


@dataclass(frozen=True)
class Column:
    """A column, declared once for terminals of every width.

    Where a terminal is too narrow, columns are first shortened as `cut` says, down to `least` characters; then `brief`
    says the same in fewer ones; then the columns of the least `importance` are left out. What `identifies` a row is
    never shortened so far that two different values look the same. A `wide` column is for `-o wide` alone. `tones`
    gives words their colours.
    """

    heading: str
    importance: int = ESSENTIAL
    cut: Cut = Cut.NEVER
    least: int = 0
    identifies: bool = False
    brief: Callable[[str], str] | None = None
    wide: bool = False
    tones: Mapping[str, str] = field(default_factory=dict)
