"""Label selectors as texts, in Kubernetes' grammar: `a=b, c!=d, e in (f,g), h notin (i), j, !k`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"^(?P<key>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(rf"^(?P<key>{_KEY})\s*(?P<word>==|=|!=)\s*(?P<value>[-A-Za-z0-9_.]*)$")
_HAS = re.compile(rf"^(?P<word>!?)\s*(?P<key>{_KEY})$")
_PARTS = re.compile(r",(?![^()]*\))")


class Requirement(msgspec.Struct, frozen=True):
    """One condition on a label: it has (or has not) one of these values; without values, that it is there."""

    key: str
    wanted: bool
    values: frozenset[str] | None = None

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels fulfil it."""
        found = labels.get(self.key)
        return (found is not None and (self.values is None or found in self.values)) is self.wanted


Selector: TypeAlias = tuple[Requirement, ...]


def parse_selector(text: str) -> Selector:
    """Read a selector; the empty one takes everything. Raises `ValueError`."""
    return tuple(_requirement(part.strip()) for part in _PARTS.split(text)) if text.strip() else ()


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Say whether labels fulfil all of a selector."""
    return all(each.holds(labels) for each in selector)


def _requirement(part: str) -> Requirement:
    if match := _SET.match(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], match["word"] == "in", values)
    if match := _EQUAL.match(part):
        return Requirement(match["key"], match["word"] != "!=", frozenset({match["value"]}))
    if match := _HAS.match(part):
        return Requirement(match["key"], not match["word"])
    raise ValueError(f"{part!r} is no condition on labels")
