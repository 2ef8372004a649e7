"""What the documentation tells people to type exists: each command, and each of its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from trueup.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(trueup [^`]+)`")
GROUPED = {"cluster", "history"}
"""Commands that have commands."""


def typed(page: Path) -> list[str]:
    """Give the lines of a page that begin with `trueup`, without what an example leaves open."""
    text = page.read_text()
    lines = [line.strip().removeprefix("$ ") for block in FENCED.findall(text) for line in block.splitlines()]
    inline = INLINE.findall(FENCED.sub("", text))
    found = [line.removeprefix(".venv/bin/") for line in (*lines, *inline)]
    return [line.partition("#")[0].partition("|")[0] for line in found if line.startswith("trueup ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    top: Any = typer.main.get_command(app)
    for line in typed(page):
        words = [word.strip("[]…") for word in shlex.split(re.sub(r"[\[\]…]", " ", line).replace("'", ""))][1:]
        options = [word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)]
        names = [word for word in words if not word.startswith("-")]
        command = top
        if names and re.fullmatch(r"[a-z-]+", names[0]):
            assert names[0] in command.commands, f"{line!r}: there is no such command"
            command = command.commands[names[0]]
            if names[0] in GROUPED and names[1:] and names[1] in command.commands:
                command = command.commands[names[1]]
        known = {
            option for one in (top, command) for param in one.params for option in (*param.opts, *param.secondary_opts)
        }
        if command is not top and hasattr(command, "commands"):
            # `trueup history` is short for one of its commands.
            known |= {option for one in command.commands.values() for param in one.params for option in param.opts}
        missing = set(options) - known - {"--help"}
        assert not missing, f"{line!r}: no option {missing}"
