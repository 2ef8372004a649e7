"""Attacks: each test tries a wall from inside, as somebody with the rights of a tenant or a repository would.

With `--attack-table` (`make attack`) the outcome of each is printed as a table.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from support.worlds import a_world, kubectl_of_the_world

__all__ = ["a_world", "kubectl_of_the_world"]

_WORDS = {"passed": "held", "failed": "FELL", "error": "FELL", "skipped": "not tried"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table: wall, attack, outcome."""
    if not config.getoption("--attack-table"):
        return
    rows = sorted(
        (*_title(report.nodeid), word)
        for outcome, word in _WORDS.items()
        for report in terminalreporter.stats.get(outcome, ())
    )
    terminalreporter.section("attacks")
    width = max((len(row[0]) for row in rows), default=0)
    for wall, attack, word in rows:
        terminalreporter.write_line(f"{word:9}  {wall:{width}}  {attack}")


def _title(nodeid: str) -> tuple[str, str]:
    """Give the wall that a module is about, and the attack in words."""
    path, _, name = nodeid.partition("::")
    wall, attack = (text.removeprefix("test_").replace("_", " ") for text in (PurePosixPath(path).stem, name))
    return wall, attack
