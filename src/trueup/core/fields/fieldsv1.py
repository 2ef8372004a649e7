"""Decoded fieldsV1 tries, to write ownership down: the union of some, and what of one an object names.

`fields` reads tries to compare them; what is here makes new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

Trie: TypeAlias = dict[str, Any]


def merged_trie(tries: Iterable[Mapping[str, Any]]) -> Trie:
    """Give the union of decoded fieldsV1 tries."""
    union: Trie = {}
    for trie in tries:
        _merge_into(union, trie)
    return union


def _merge_into(target: Trie, trie: Mapping[str, Any]) -> None:
    # A leaf `{}` that gains children has to keep saying that it is itself a member.
    for key, below in trie.items():
        known = target.get(key)
        if known is None:
            target[key] = cast(Trie, msgspec.json.decode(msgspec.json.encode(below)))
        elif key != "." and (known or below):
            if not known or not below:
                known["."] = {}
            _merge_into(known, below)


def narrowed_trie(trie: Mapping[str, Any], body: Any) -> Trie:
    """Give the part of a trie whose fields an object names: without what the API server filled in.

    An item's keys count as named where the object leaves them out, since they may have been filled in too.
    Raises `ValueError` for what is no fieldsV1 trie.
    """
    kept: Trie = {}
    for key, below in trie.items():
        if key == ".":
            kept[key] = {}
            continue
        named = _named(key, body)
        if not named:
            continue
        part = {} if not below else merged_trie(narrowed_trie(below, value) for value in named)
        if part or not below:
            kept[key] = part
    return kept


def _named(key: str, body: Any) -> list[Any]:
    """Give what stands in an object at one step of a trie: nothing, one value, or items that share their keys."""
    kind, _, argument = key.partition(":")
    if kind == "f":
        value = body.get(argument) if isinstance(body, dict) else None
        return [] if value is None else [value]
    if not isinstance(body, list):
        return []
    if kind == "k":
        keys: dict[str, Any] = msgspec.json.decode(argument)
        return [
            item
            for item in body
            if isinstance(item, dict) and all(item.get(name, value) == value for name, value in keys.items())
        ]
    if kind == "v":
        return [item for item in body if item == msgspec.json.decode(argument)]
    index = int(argument)
    return body[index : index + 1] if index >= 0 else []
