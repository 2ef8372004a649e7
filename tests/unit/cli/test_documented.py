"""Every command and every option stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from trueup.cli.main import app

PAGES = [Path(__file__).parents[3] / "docs" / name for name in ("cli.md", "localcluster.md")]
TEXT = "".join(page.read_text() for page in PAGES)


def commands() -> list[tuple[str, Any]]:
    root: Any = typer.main.get_command(app)
    found: list[tuple[str, Any]] = []
    for name, command in root.commands.items():
        inner = getattr(command, "commands", {})
        found += [(f"{name} {key}", value) for key, value in inner.items()] or [(name, command)]
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_and_its_options_are_documented(name: str, command: Any) -> None:
    assert f"trueup {name}" in TEXT or f"`{name.partition(' ')[2]}`" in TEXT
    common = {"--help", "--kubeconfig", "--context"}
    options = {option for param in command.params for option in param.opts if option.startswith("--")}
    assert {option for option in options - common if option not in TEXT} == set()


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_says_what_it_does(name: str, command: Any) -> None:
    assert command.help and command.help.strip().split("\n")[0].endswith((".", "minutes."))


def test_the_table_of_the_controllers_settings_is_true() -> None:
    run = dict(commands())["run"]
    wanted = {}
    for param in run.params:
        option = next(item for item in param.opts if item.startswith("--"))
        if option != "--help":
            default = param.default
            shown = "" if default in (None, "") else str(default).lower() if isinstance(default, bool) else str(default)
            wanted[option] = (param.envvar, shown)
    rows = re.findall(r"^\| `(--[a-z-]+)` \| `(TRUEUP_[A-Z_]+)` \|(.*?)\|", TEXT, re.MULTILINE)
    assert {option: (variable, default.strip(" `")) for option, variable, default in rows} == wanted
    assert {name: variable for name, (variable, _) in wanted.items()} == {
        name: "TRUEUP_" + name.removeprefix("--").replace("-", "_").upper() for name in wanted
    }
