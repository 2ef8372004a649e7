"""Prints what a command has found: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import typer
import yaml

from trueup.cli.options import Form
from trueup.cli.tables.columns import Column
from trueup.cli.tables.fitting import GAP, Fitted, Row, fit
from trueup.cli.tables.terminal import styled, terminal_width
from trueup.cli.tables.words import visible


def show(
    form: Form, data: Any, columns: Sequence[Column], rows: Sequence[Row], nothing: str = "", *, headings: bool = True
) -> None:
    """Print `data` for programs, or the rows for people; `nothing` is told them where there are none."""
    if form in (Form.JSON, Form.YAML):
        show_data(form, data)
    elif rows:
        stream = Stream(columns, wide=form is Form.WIDE)
        stream.begin(rows, headings=headings)
        stream.rows(rows)
    elif nothing:
        typer.echo(nothing, err=True)


def show_data(form: Form, data: Any) -> None:
    """Print data as JSON, or as YAML."""
    if form is Form.YAML:
        typer.echo(yaml.safe_dump(data, sort_keys=False), nl=False)
    else:
        typer.echo(json.dumps(data, indent=2))


def tell(lines: Iterable[str]) -> None:
    """Print lines of words: in a terminal broken between words, and never in one; a program gets them as they are."""
    width = terminal_width()
    for line in map(visible, lines):
        typer.echo(line if width is None else _wrapped(line, width))


class Stream:
    """A table whose rows may come one after the other: as wide as the first ones, which is all that can be known."""

    def __init__(self, columns: Sequence[Column], *, wide: bool = False) -> None:
        """Take all columns; those for `wide` tables alone are left out of others."""
        self._at = [at for at, column in enumerate(columns) if wide or not column.wide]
        self._columns = [columns[at] for at in self._at]
        self._wide = wide
        self._fitted: Fitted = fit(self._columns, (), None)

    def begin(self, rows: Sequence[Row], *, headings: bool = True) -> None:
        """Find the widths that these rows need, and print the headings."""
        width = None if self._wide else terminal_width()
        self._fitted = fit(self._columns, [self._texts(row) for row in rows], width)
        if headings:
            typer.echo(styled(self._line(self._fitted.headings).rstrip(), bold=True))

    def row(self, row: Row) -> None:
        """Print one row."""
        self.rows((row,))

    def rows(self, rows: Iterable[Row]) -> None:
        """Print rows: all at once, as it takes a system call each time."""
        typer.echo("\n".join(self._line(self._toned(self._fitted.cells(self._texts(row)))).rstrip() for row in rows))

    def _texts(self, row: Row) -> list[str]:
        # What a cell holds is one line, whatever somebody has written.
        return [visible(row[at]).replace("\n", " ") for at in self._at]

    def _line(self, cells: Sequence[str]) -> str:
        return (" " * GAP).join(cells)

    def _toned(self, cells: Sequence[str]) -> list[str]:
        tones = (part.column.tones for part in self._fitted.parts)
        return [styled(cell, tone.get(cell.strip(), "")) for cell, tone in zip(cells, tones, strict=True)]


def _wrapped(line: str, width: int) -> str:
    text = line.lstrip()
    indent = " " * (len(line) - len(text) + (2 if text[:1] in ("•", "→") else 0))
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
