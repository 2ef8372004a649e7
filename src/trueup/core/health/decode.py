"""Reading of live objects whose shape nobody vouches for.

Custom resources without a schema, old API servers and broken controllers put anything anywhere. Each function gives a
value of the type it promises, its neutral element where there is none, and never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

_NOTHING: dict[str, Any] = {}
_NONE: list[dict[str, Any]] = []


def section(owner: Fields, key: str) -> dict[str, Any]:
    """Give the object at `key`, or an empty one."""
    value = owner.get(key)
    return value if isinstance(value, dict) else _NOTHING


def entries(owner: Fields, key: str) -> list[dict[str, Any]]:
    """Give the objects of the list at `key`; what is no object is left out."""
    value = owner.get(key)
    if not isinstance(value, list):
        return _NONE
    return value if all(isinstance(item, dict) for item in value) else [x for x in value if isinstance(x, dict)]


def text(owner: Fields, key: str, default: str = "") -> str:
    """Give the string at `key`."""
    value = owner.get(key)
    return value if isinstance(value, str) else default


def number(owner: Fields, key: str, default: int = 0) -> int:
    """Give the whole number at `key`."""
    value = owner.get(key)
    return value if type(value) is int else default


def condition(status: Fields, kind: str) -> dict[str, Any] | None:
    """Give the condition of a type, or `None`."""
    for item in entries(status, "conditions"):
        if item.get("type") == kind:
            return item
    return None


def described(item: Fields) -> str:
    """Give a condition's words: its message, else its reason."""
    return text(item, "message") or text(item, "reason")


def unobserved(obj: Fields) -> bool:
    """Say whether the status is of an older generation than the spec (Argo CD's and kubectl's reading: less than)."""
    return number(section(obj, "status"), "observedGeneration") < number(section(obj, "metadata"), "generation")
