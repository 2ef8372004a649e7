"""Which columns of a table a terminal has room for, and how wide each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from trueup.cli.tables.columns import ESSENTIAL, Column, Cut
from trueup.cli.tables.shortening import cells, clipped, distinct, middled, narrowest

GAP = 2
"""Spaces between columns."""

FARTHEST = 160
"""No cell is filled up to more: where one is longer than that, its row alone is out of line."""

Row = Sequence[str]


@dataclass
class _Part:
    """A column while room is found for it: its cells, and how wide it is at the least, at the most, and now."""

    at: int
    column: Column
    values: list[str]
    is_brief: bool = False
    least: int = 0
    natural: int = 0
    width: int = 0
    names: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.natural = max(cells(self.column.heading), max(map(cells, self.values), default=0))
        self.least = self._narrowest()

    def brief(self) -> _Part:
        """Give the column in fewer words, as it is where it has none or where two values would become the same."""
        if self.column.brief is None:
            return self
        values = [self.column.brief(value) for value in self.values]
        if self.column.identifies and len(set(values)) < len(set(self.values)):
            return _Part(self.at, replace(self.column, brief=None), self.values)
        return _Part(self.at, self.column, values, is_brief=True)

    def settle(self) -> None:
        """Shorten what tells rows apart to the width that was found."""
        if self.column.identifies and self.width < self.natural:
            self.names = distinct(self.values, self.width)

    def shown(self, value: str, whole: bool) -> str:
        """Give a cell as it is printed."""
        if whole or self.column.cut is Cut.NEVER:
            return value
        if self.column.identifies:
            # One that came later could look like another: it is shown whole.
            return (self.names or {}).get(value, value)
        return (clipped if self.column.cut is Cut.TEXT else middled)(value, self.width)

    def _narrowest(self) -> int:
        least = max(self.column.least, cells(self.column.heading))
        can_be_brief = self.column.brief is not None and not self.is_brief
        if self.column.cut is Cut.NEVER or can_be_brief or least >= self.natural:
            return self.natural
        return narrowest(self.values, least) if self.column.identifies else least


@dataclass
class Fitted:
    """The columns that are shown; `lines` gives each row as the cells that are printed, filled up to their columns."""

    parts: list[_Part]
    whole: bool
    widths: list[int] = field(default_factory=list)

    @property
    def headings(self) -> list[str]:
        """Give the headings, filled up."""
        return self._filled([part.column.heading for part in self.parts])

    def cells(self, row: Row) -> list[str]:
        """Give the cells of a row of all columns that are shown, shortened and filled up."""
        texts = []
        for part in self.parts:
            value = row[part.at]
            if part.is_brief and part.column.brief is not None:
                value = part.column.brief(value)
            texts.append(part.shown(value, self.whole))
        return self._filled(texts)

    def _filled(self, texts: list[str]) -> list[str]:
        filled = [text + " " * (part.width - cells(text)) for text, part in zip(texts, self.parts, strict=True)]
        return [*filled[:-1], texts[-1]] if texts else []


def fit(columns: Sequence[Column], rows: Sequence[Row], width: int | None) -> Fitted:
    """Find the columns that fit into `width`, and how wide each is; without a width all of them, whole."""
    parts = [_Part(at, column, [row[at] for row in rows]) for at, column in enumerate(columns)]
    if width is None:
        for part in parts:
            part.width = min(part.natural, FARTHEST)
        return Fitted(parts, whole=True)
    if _needed(parts) > width:
        parts = [part.brief() for part in parts]
    while _needed(parts) > width:
        least = min(parts, key=_importance)
        if _importance(least) == ESSENTIAL:
            break
        parts.remove(least)
    _share(parts, width)
    return Fitted(parts, whole=False)


def _needed(parts: Sequence[_Part]) -> int:
    return sum(part.least for part in parts) + GAP * (len(parts) - 1)


def _importance(part: _Part) -> int:
    """An empty column is the first to go."""
    return part.column.importance if any(part.values) or part.column.importance == ESSENTIAL else -1


def _share(parts: list[_Part], width: int) -> None:
    """Give what room is left to the most important columns: to names half of it where others can use the rest."""
    for part in parts:
        part.width = part.least
    spare = max(0, width - _needed(parts))
    ordered = sorted(parts, key=lambda each: -each.column.importance)
    names = [part for part in ordered if part.column.identifies]
    others = [part for part in ordered if not part.column.identifies]
    spare -= _grown(names, (spare + 1) // 2)
    spare -= _grown(others, spare)
    spare -= _grown(names, spare)
    if parts and parts[-1].column.cut is Cut.TEXT:
        # Rows that come later may have longer texts than the first ones.
        parts[-1].width += spare
    for part in parts:
        part.settle()


def _grown(parts: Sequence[_Part], room: int) -> int:
    """Widen columns as far as they can use it, one after the other; gives how much of the room that took."""
    left = room
    for part in parts:
        more = min(left, part.natural - part.width)
        part.width += more
        left -= more
    return room - left
