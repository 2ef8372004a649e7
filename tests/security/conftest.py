"""Attacks: each test tries a wall from inside, as somebody with the rights of a tenant or a repository would.

With `--attack-table` (`make attack`) the outcome of each is printed as a table.
"""

from __future__ import annotations

import pytest

from support.worlds import a_world, kubectl_of_the_world

__all__ = ["a_world", "kubectl_of_the_world"]

_WORDS = {"passed": "held", "failed": "FELL", "skipped": "not tried"}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Note what an attack is called, where its outcome is known."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" or report.outcome != "passed":
        report.user_properties.append(("attack", _title(item)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table: wall, attack, outcome."""
    if not config.getoption("--attack-table"):
        return
    rows = []
    for outcome, word in _WORDS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            titles = [value for name, value in getattr(report, "user_properties", ()) if name == "attack"]
            rows += [(*title, word) for title in titles]
    rows.sort()
    terminalreporter.section("attacks")
    width = max((len(row[0]) for row in rows), default=0)
    for wall, attack, word in rows:
        terminalreporter.write_line(f"{word:9}  {wall:{width}}  {attack}")


def _title(item: pytest.Item) -> tuple[str, str]:
    """Give the wall that a module is about, and the attack in words."""
    name = item.name.removeprefix("test_").replace("_", " ")
    return item.path.stem.removeprefix("test_").replace("_", " "), name
