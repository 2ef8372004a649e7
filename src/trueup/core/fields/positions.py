"""Where a field stands in an object as it is written: the names and list positions that lead to it.

A path of managed fields names a list's item by its keys (`ports[containerPort=80,protocol="TCP"]`), with those that the
API server filled in. A manifest may lack some of these, and an experiment may change one; the position stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Position: TypeAlias = tuple[str | int, ...]

_NAME = re.compile(r"\.?([A-Za-z_$][A-Za-z0-9_$-]*)")
_KEY = re.compile(r"([^=\[\],]+)=")
_DECODER = json.JSONDecoder()


def leaves(paths: Iterable[str]) -> list[str]:
    """Give the paths below which there is no other."""
    listed = sorted(paths)
    inner = {path[:end] for path in listed for end in range(1, len(path)) if path[end] in ".["}
    return [path for path in listed if path not in inner]


def positions(paths: Iterable[str], body: Mapping[str, Any]) -> dict[str, Position]:
    """Give the position of each of these fields in an object; without those that it does not have."""
    found = ((path, _position(path, body)) for path in paths)
    return {path: position for path, position in found if position is not None}


def at_position(body: Any, position: Position) -> Any:
    """Give what stands at a position; `None` where there is nothing."""
    value = body
    for step in position:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def file_key(body: Mapping[str, Any], position: Position) -> str:
    """Write a position as `provenance` names scalars of files: list items by their name, or else by their number."""
    key, value = "", body
    for step in position:
        value = at_position(value, (step,))
        if isinstance(step, str):
            key = f"{key}.{step}" if key else step
        else:
            name = value.get("name") if isinstance(value, Mapping) else None
            key += f"[name={name}]" if isinstance(name, str) else f"[{step}]"
    return key


def _position(path: str, body: Mapping[str, Any]) -> Position | None:
    steps: list[str | int] = []
    value: Any = body
    at = 0
    while at < len(path):
        try:
            step, at = _step(path, at, value)
        except (ValueError, IndexError):
            return None
        if step is None:
            return None
        steps.append(step)
        value = at_position(value, (step,))
        if value is None:
            return None
    return tuple(steps)


def _step(path: str, at: int, value: Any) -> tuple[str | int | None, int]:
    """Read one step of a path, and find it in what stands there."""
    if path[at] != "[":
        found = _NAME.match(path, at)
        return (found[1], found.end()) if found else (None, at)
    if path[at + 1] == '"':
        name, end = _DECODER.raw_decode(path, at + 1)
        return str(name), end + 1
    if path[at + 1] == "=":
        item, end = _DECODER.raw_decode(path, at + 2)
        return (value.index(item) if isinstance(value, list) and item in value else None), end + 1
    keys: dict[str, Any] = {}
    end = at + 1
    while key := _KEY.match(path, end):
        keys[key[1]], end = _DECODER.raw_decode(path, key.end())
        if path[end] == "]":
            return _item(value, keys), end + 1
        end += 1
    close = path.index("]", at)
    return int(path[at + 1 : close]), close + 1


def _item(value: Any, keys: Mapping[str, Any]) -> int | None:
    """Find an item by all of its keys or, where there is none, by those that it has."""
    items: Sequence[Any] = value if isinstance(value, list) else ()
    for partly in (False, True):
        for number, item in enumerate(items):
            if not isinstance(item, Mapping):
                continue
            same = [item[key] == want for key, want in keys.items() if key in item]
            if same and all(same) and (partly or len(same) == len(keys)):
                return number
    return None
