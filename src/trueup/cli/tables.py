"""Tables for people, JSON and YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trueup.cli.options import Form


def show(form: Form, data: Any, columns: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    """Print `data` for programs, or the rows for people."""
    if form is Form.JSON:
        typer.echo(json.dumps(data, indent=2))
    elif form is Form.YAML:
        typer.echo(yaml.safe_dump(data, sort_keys=False), nl=False)
    elif not rows:
        typer.echo(nothing, err=True)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            # What a status says is text, whatever brackets stand in it.
            table.add_row(*(Text(visible(cell)) for cell in row))
        console().print(table)


class Stream:
    """A table whose rows come one after the other: as wide as the first ones, which is all that can be known."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Take the headings."""
        self._columns = columns
        self._widths = [len(column) for column in columns]

    def begin(self, rows: Sequence[Sequence[str]]) -> None:
        """Print the headings, as wide as these rows will need them."""
        self._widths = [max(map(len, cells)) for cells in zip(self._columns, *rows, strict=True)]
        self.row(self._columns)

    def row(self, cells: Sequence[str]) -> None:
        """Print one row."""
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)).rstrip())


def console() -> Console:
    """Give a console that does not cut lines where no terminal says how wide it is."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def visible(text: str) -> str:
    """Take control characters out of what others wrote: a commit's message must not move the terminal's cursor."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def short(revision: str) -> str:
    """Shorten a revision's commit to eight digits."""
    head, colon, commit = revision.rpartition(":")
    if colon:
        return f"{head.removesuffix('sha1').removesuffix('sha256')}{commit[:8]}"
    return revision[:8] if len(revision) in (40, 64) else revision


def age(when: str) -> str:
    """Say how long ago an RFC 3339 time was."""
    try:
        seconds = int((datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds())
    except ValueError:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
