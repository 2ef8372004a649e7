"""Every path that the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`((?:src|go|tests|bench|docs)/[A-Za-z0-9_./-]*|pyproject\.toml|Makefile)`")
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = [path for path in NAMED.findall(text) if not (ROOT / path).exists()]
    missing += [path for path in LINKED.findall(text) if not (page.parent / path).exists()]
    assert missing == []


def test_the_architecture_names_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [path for path in (ROOT / "src" / "trueup").iterdir() if (path / "__init__.py").exists()]
    unnamed = [package.name for package in packages if f"`src/trueup/{package.name}/`" not in text]
    assert unnamed == []
