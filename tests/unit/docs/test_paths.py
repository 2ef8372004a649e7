"""Every path that the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`((?:src|go|tests|bench|docs)/[A-Za-z0-9_./-]*|pyproject\.toml|Makefile)`")
LINKED = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = [path for path in NAMED.findall(text) if not (ROOT / path).exists()]
    for path, anchor in LINKED.findall(text):
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(f"{path}#{anchor}")
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Give what a page's headings are linked by."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_architecture_names_every_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [path for path in (ROOT / "src" / "trueup").iterdir() if (path / "__init__.py").exists()]
    unnamed = [package.name for package in packages if f"`src/trueup/{package.name}/`" not in text]
    assert unnamed == []
