"""Fields that live beside a wanted one and do not go with it, found by what the API server refuses. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from trueup.core.model.objects import Body

_SEGMENT = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")
_KEYS = ("name", "containerPort", "port", "mountPath", "devicePath", "ip", "key", "topologyKey")
"""By these the items of Kubernetes' lists are known again, in this order."""


def without_unwanted(live: Body, wanted: Body, fields: Iterable[str]) -> Body | None:
    """Give the live object with the mappings around these fields as they are wanted; `None` where that changes nothing.

    A field is written as the API server's causes have it: `spec.template.spec.containers[0].env[1].valueFrom`.
    """
    made = copy.deepcopy(live)
    changed = False
    for field in fields:
        found = _around(made, wanted, _segments(field)[:-1])
        if found is None:
            continue
        there, asked = found
        if set(there) - set(asked):
            there.clear()
            there.update(copy.deepcopy(asked))
            changed = True
    return made if changed else None


def _segments(field: str) -> list[str | int]:
    found: list[str | int] = []
    for name, index in _SEGMENT.findall(field):
        found.append(int(index) if index.isdigit() and not name else name or index.strip("\"'"))
    return found


def _around(live: Any, wanted: Any, path: list[str | int]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Walk both objects to the mapping at a path; `None` where one of them has none there, or it is a whole object."""
    if not path or path[0] == "metadata":
        return None
    for segment in path:
        if isinstance(segment, int) and isinstance(live, list) and isinstance(wanted, list) and segment < len(live):
            live = live[segment]
            wanted = _same_item(live, wanted, segment)
        elif isinstance(segment, str) and isinstance(live, dict) and isinstance(wanted, dict):
            live, wanted = live.get(segment), wanted.get(segment)
        else:
            return None
    return (live, wanted) if isinstance(live, dict) and isinstance(wanted, dict) and len(path) > 1 else None


def _same_item(item: Any, among: list[Any], index: int) -> Any:
    """Find an item of a list again, by its key or else by its place."""
    if isinstance(item, dict):
        for key in _KEYS:
            if key in item:
                return next((other for other in among if isinstance(other, dict) and other.get(key) == item[key]), None)
    return among[index] if index < len(among) else None
