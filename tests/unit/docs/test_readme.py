"""The first page tells the truth: which kinds are read, and every field that is refused."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from trueup import __version__
from trueup.dialects import adapters

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
COMPATIBILITY = (ROOT / "docs" / "compatibility.md").read_text()
CODE = re.compile(r"`([A-Za-z]+)`")
CLAIMED = re.compile(r"^\| (`[^|]+`) \|([^|]*)\|([^|]*)\|$", re.MULTILINE)
FIELD = re.compile(r"^\| `spec\.([A-Za-z.]+)` \| (\w+) \|", re.MULTILINE)


def rows() -> dict[str, str]:
    """Give what the README says is refused, by kinds."""
    section = README.split("\n## What works today\n")[1].split("\n## ")[0]
    return {kinds: refused for kinds, _, refused in CLAIMED.findall(section)}


def words_of(kind: str) -> dict[str, str]:
    """Give what becomes of each field of a kind, by its last name."""
    found = re.search(rf"\n## {kind} \((?:.*\n)*?(?=## |\Z)", COMPATIBILITY)
    return {path.rpartition(".")[2]: word for path, word in FIELD.findall(found[0])} if found else {}


def test_every_kind_that_is_read_is_named() -> None:
    named = {kind for kinds in rows() for kind in CODE.findall(kinds)}
    assert named == {one.kind.kind for one in adapters()}


def test_what_is_said_to_be_refused_is_refused_and_nothing_is_left_out() -> None:
    for kinds, told in rows().items():
        fields = {name: word for kind in CODE.findall(kinds) for name, word in words_of(kind).items()}
        refused = {name for name, word in fields.items() if word == "refused"}
        said = {name for name in CODE.findall(told) if "A" <= name[0] <= "Z" or name in fields}
        named = {name for name in said if fields.get(name) == "named"}
        assert said - named == refused, f"{kinds}: docs/compatibility.md says otherwise"
        for name in named:
            assert f"`{name}` is only named" in told


def test_kinds_that_are_not_read_are_not_read() -> None:
    (line,) = re.findall(r"^\| all other kinds \|.*$", README, re.MULTILINE)
    assert not set(CODE.findall(line)) & {one.kind.kind for one in adapters()}


def test_the_version_stands_in_one_place() -> None:
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
    assert version("trueup") == __version__
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
    assert "Apache License" in (ROOT / "LICENSE").read_text()
