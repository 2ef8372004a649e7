"""What docs/cli.md says that programs get, to be held against what commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
GAP = {"id", "gap", "recovered", "pull_request"}
"""A gap of the history has fewer fields than what was recorded."""
Shapes = dict[str, dict[str, set[str]]]


def documented() -> Shapes:
    """Give the documented fields, by command and by the place in its answer."""
    table = PAGE.read_text().partition("| command | where | fields |")[2].partition("\n\n")[0]
    shapes: Shapes = {}
    command = ""
    for line in table.splitlines()[2:]:
        first, place, told = (
            cell.strip().replace("`", "", 2 * (at < 2)) for at, cell in enumerate(line.split("|")[1:-1])
        )
        command = first or command
        fields = re.sub(r"\(.*?\)", "", told.partition(";")[0])
        shapes.setdefault(command, {})[place] = set(re.findall(r"`([a-z_]+)`", fields))
    commit = {place: fields for place, fields in shapes["blame"].items() if place.startswith("fields[].commit")}
    for place, fields in commit.items():
        shapes["history list"][place.replace("fields[]", "history[]")] = fields
    entry = shapes["history list"]
    told = {place.removeprefix("history[]").removeprefix("."): fields for place, fields in entry.items() if place}
    shapes["history show"] = {**told, "": told[""] | shapes["history show"][""]}
    return shapes


def differences(command: str, data: Any) -> list[str]:
    """Say in what an answer of a command is not as it is documented."""
    shape, found = documented()[command], []
    for place, keys in _places(data):
        if place not in shape:
            found.append(f"{command}: {place or 'the answer'} is not documented: {sorted(keys)}")
        elif keys not in (shape[place], GAP):
            found.append(f"{command}: {place or 'the answer'} differs in {sorted(keys ^ shape[place])}")
    return found


def missing(command: str, data: Any) -> set[str]:
    """Give the documented places that an answer does not have."""
    return set(documented()[command]) - {place for place, _ in _places(data)}


def _places(data: Any, at: str = "") -> Iterator[tuple[str, set[str]]]:
    if isinstance(data, dict):
        # Both are of the same shape as what stands for them.
        place = re.sub(r"(\.made\[\])+", "", at).replace(".committer", ".author").replace("committer", "author")
        yield place, set(data)
        for key, value in data.items():
            yield from _places(value, f"{at}.{key}" if at else key)
    elif isinstance(data, list):
        for item in data:
            yield from _places(item, f"{at}[]")
