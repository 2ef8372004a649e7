"""Fields that a kind does not have: read from what the API server says, and left out of an object.

Pure. The API server names them by path, such as `.spec.template.spec.containers[name="web"].colour`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from typing import Any

from trueup.core.model.objects import Body

LEFT_OUT = "left out, because the kind has no such field: "
MOST_LEFT_OUT = 100
"""An object with more unknown fields than this is refused after all."""

_PATH = re.compile(r"((?:\.[A-Za-z_$][\w$-]*|\[[^\]]*\])+): field not declared in schema")
_STEP = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[([^\]]*)\]")
_KEY = re.compile(r"([A-Za-z_$][\w$-]*)=(\"(?:[^\"\\\\]|\\\\.)*\"|[^,]*)")


def unknown_fields(message: str) -> tuple[str, ...]:
    """Give the paths of all fields that a refusal says are not in the schema."""
    return tuple(dict.fromkeys(_PATH.findall(message)))


def without_fields(body: Body, paths: Iterable[str]) -> Body | None:
    """Give the object without these fields; `None` where none of them is found in it."""
    left = copy.deepcopy(body)
    found = False
    for path in paths:
        *above, last = _STEP.findall(path) or [("", "")]
        values: list[Any] = [left]
        for name, key in above:
            values = [below for value in values for below in _below(value, name, key)]
        for value in values:
            if last[0] and isinstance(value, dict) and last[0] in value:
                del value[last[0]]
                found = True
    return left if found else None


def _below(value: Any, name: str, key: str) -> list[Any]:
    if name:
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if key.isdigit():
        return value[int(key) : int(key) + 1]
    wanted = {field: _value(text) for field, text in _KEY.findall(key)}
    return [item for item in value if isinstance(item, dict) and _named(item, wanted)]


def _named(item: Body, keys: dict[str, Any]) -> bool:
    """Say whether an item has these keys; one that the API server fills in (a protocol) need not be there."""
    return not keys.keys().isdisjoint(item) and all(item.get(field, value) == value for field, value in keys.items())


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
