"""Where what is printed goes: into a terminal of some width and colours, or to a program or a file."""

from __future__ import annotations

import os
import shutil
import sys

import typer


def terminal_width() -> int | None:
    """Give the columns of the terminal, `None` where standard output is none."""
    return shutil.get_terminal_size().columns if _is_terminal() else None


def coloured() -> bool:
    """Say whether colours and bold type may be printed: to a terminal that has them, and not against `NO_COLOR`."""
    return _is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, colour: str = "", *, bold: bool = False) -> str:
    """Give a text its colour, where there are any."""
    if not coloured() or not (colour or bold):
        return text
    # `False` would be written out as a code of its own.
    return typer.style(text, fg=colour or None, bold=bold or None)


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
