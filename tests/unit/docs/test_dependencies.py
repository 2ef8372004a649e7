"""Every library that is imported is declared, and every one that is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]
BY_NAME_ONLY = {"psycopg"}
"""Loaded by SQLAlchemy, which is given its name."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> set[str]:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found |= {name.partition(".")[0] for name in names}
    return found - set(sys.stdlib_module_names) - {"trueup"}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["tracing"], *extras["dev"]]
    return {normal(re.split(r"[\[<>=~! ]", line)[0]) for line in lines}


def test_what_is_imported_is_declared() -> None:
    distributions = packages_distributions()
    undeclared = {
        name for name in imported() if not {normal(each) for each in distributions.get(name, [name])} & declared()
    }
    assert undeclared == set()


def test_what_is_declared_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = packages_distributions()
    used = {normal(each) for name in imported() for each in distributions.get(name, [name])}
    needed = {normal(re.split(r"[\[<>=~! ]", line)[0]) for line in project["dependencies"]}
    assert needed - used - BY_NAME_ONLY == set()
