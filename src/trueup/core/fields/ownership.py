"""Field ownership: what a manager owns of an object, and what stands there.

Kubernetes notes in `metadata.managedFields` which manager owns which field, as a trie called *fieldsV1* whose keys are
`f:<name>` (a field), `k:<json>` (an item of a list, by its keys), `v:<json>` (an item of a set), `i:<n>` (an item by
index) and `.` (the node itself). `FieldSet` is that trie, read once and kept by its content; it answers whether two
entries are equal, which values they cover, and what paths they name. An object has drifted from what a manager applied
when that manager's entry changed (someone took a field) or the values it covers did: see `Ownership`.

Others' fields never count: where a manager owns a container as a whole that others have put fields into, theirs are
left out of what is compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from trueup.core.model.objects import canonical_json

APPLY = "Apply"
UPDATE = "Update"

_CACHE_LIMIT = 20_000
_MAX_DEPTH = 128


class FieldsError(ValueError):
    """A managedFields entry cannot be read; the message says what is wrong with it."""


class ManagedEntry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One entry of `metadata.managedFields`; `fields_v1` is kept as the JSON bytes it came in."""

    manager: str = ""
    operation: str = ""
    api_version: str = ""
    subresource: str = ""
    time: str = ""
    fields_v1: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def fields(self) -> FieldSet:
        """What the entry covers. Raises `FieldsError` where it is no fieldsV1 trie."""
        return FieldSet.parse(bytes(self.fields_v1))


def managed_entries(body: Mapping[str, Any]) -> tuple[ManagedEntry, ...]:
    """Give the managedFields of a decoded object, none where it has none. Raises `FieldsError` for a malformed list."""
    entries = (body.get("metadata") or {}).get("managedFields") or ()
    try:
        return tuple(
            ManagedEntry(
                manager=item.get("manager", ""),
                operation=item.get("operation", ""),
                api_version=item.get("apiVersion", ""),
                subresource=item.get("subresource", ""),
                time=item.get("time") or "",
                fields_v1=msgspec.Raw(msgspec.json.encode(item.get("fieldsV1") or {})),
            )
            for item in entries
        )
    except AttributeError as error:
        raise FieldsError(f"metadata.managedFields is not a list of entries: {error}") from error


# ------------------------------------------------------------------------------------------------- the trie

_Keys: TypeAlias = tuple[tuple[str, Any], ...]
_FIELD, _KEYED, _VALUE, _INDEX = range(4)


class _Node:
    """A node of the trie: `member` when the manager owns the node itself, `steps` to its children in fixed order."""

    __slots__ = ("children", "member", "steps")

    def __init__(self, member: bool, steps: tuple[tuple[int, Any, str, _Node], ...]) -> None:
        self.member = member
        self.steps = steps
        self.children = {key: child for _, _, key, child in steps}


def _compile(trie: object, depth: int = 0) -> _Node:
    if not isinstance(trie, dict):
        raise FieldsError(f"expected an object in fieldsV1, found {type(trie).__name__}")
    if depth > _MAX_DEPTH:
        raise FieldsError(f"fieldsV1 is nested deeper than {_MAX_DEPTH}")
    steps: list[tuple[int, Any, str, _Node]] = []
    for key, below in trie.items():
        if key == ".":
            continue
        kind, separator, argument = key.partition(":")
        if not separator:
            raise FieldsError(f"unknown key {key!r} in fieldsV1")
        child = _compile(below, depth + 1)
        try:
            if kind == "f":
                steps.append((_FIELD, argument, key, child))
            elif kind == "k":
                keys: _Keys = tuple(sorted(msgspec.json.decode(argument, type=dict[str, Any]).items()))
                steps.append((_KEYED, keys, "k:" + canonical_json(dict(keys)).decode(), child))
            elif kind == "v":
                value = msgspec.json.decode(argument)
                steps.append((_VALUE, value, "v:" + canonical_json(value).decode(), child))
            elif kind == "i":
                steps.append((_INDEX, int(argument), key, child))
            else:
                raise FieldsError(f"unknown key {key!r} in fieldsV1")
        except (msgspec.MsgspecError, ValueError) as error:
            raise FieldsError(f"cannot read the key {key!r} in fieldsV1: {error}") from error
    steps.sort(key=lambda step: step[2])
    return _Node("." in trie or not steps, tuple(steps))


def _item(value: object, keys: _Keys) -> Any:
    """Find a list's item by its keys, a list of them where several have the same; `_ABSENT` where there is none."""
    if not isinstance(value, list):
        return _ABSENT
    found = [item for item in value if isinstance(item, dict) and all(item.get(key) == want for key, want in keys)]
    if not found:
        return _ABSENT
    # Kubernetes names items of one key once, as a whole: what stands there is all of them.
    return found[0] if len(found) == 1 else found


_ABSENT = object()


class _Items:
    """The items of one list by their keys, indexed when that is worth it: a list may have thousands of them."""

    __slots__ = ("_indexes", "_list")

    def __init__(self, value: object) -> None:
        self._list = value
        self._indexes: dict[tuple[str, ...], dict[tuple[Any, ...], Any]] = {}

    def find(self, keys: _Keys) -> Any:
        """Find an item by its keys; `_ABSENT` where there is none."""
        if not isinstance(self._list, list) or len(self._list) < _WORTH_AN_INDEX:
            return _item(self._list, keys)
        names = tuple(name for name, _ in keys)
        index = self._indexes.get(names)
        if index is None:
            index = self._indexes[names] = {}
            for item in self._list:
                if isinstance(item, dict):
                    found = tuple(item.get(name) for name in names)
                    if not any(isinstance(each, dict | list) for each in found):
                        index.setdefault(found, item)
        return index.get(tuple(value for _, value in keys), _ABSENT)


_WORTH_AN_INDEX = 16


def _child(kind: int, argument: Any, value: object, items: _Items) -> Any:
    if kind == _FIELD:
        return value.get(argument, _ABSENT) if isinstance(value, dict) else _ABSENT
    if kind == _KEYED:
        return items.find(argument)
    if not isinstance(value, list):
        return _ABSENT
    if kind == _VALUE:
        return argument if argument in value else _ABSENT
    return value[argument] if 0 <= argument < len(value) else _ABSENT


def _without(value: Any, others: Sequence[_Node]) -> Any:
    """Give a container without what other managers own below it."""
    if not isinstance(value, dict | list):
        return value
    below = [node for node in others if node.steps]
    if not below:
        return value
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, item in value.items():
            theirs = [node.children[key] for node in below if (key := "f:" + name) in node.children]
            if not theirs:
                kept[name] = item
            elif not any(node.member and not node.steps for node in theirs) and (rest := _without(item, theirs)):
                kept[name] = rest
        return kept
    owned: list[Any] = []
    items = _Items(value)
    for node in below:
        owned += [_child(kind, argument, value, items) for kind, argument, _, _ in node.steps]
    return [item for item in value if not any(item is one or item == one for one in owned)]


def _collect(node: _Node, value: Any, out: list[Any], absent: list[int], others: Sequence[_Node]) -> None:
    if not node.steps:
        out.append(_without(value, others) if others else value)
        return
    items = _Items(value)
    for kind, argument, key, child in node.steps:
        found = (
            (value.get(argument, _ABSENT) if isinstance(value, dict) else _ABSENT)
            if kind == _FIELD
            else _child(kind, argument, value, items)
        )
        if found is _ABSENT:
            absent.append(len(out))
            out.append(None)
        elif others:
            _collect(child, found, out, absent, [each.children[key] for each in others if key in each.children])
        else:
            _collect(child, found, out, absent, others)


# ---------------------------------------------------------------------------------------------- field sets

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")


def _step_text(kind: int, argument: Any) -> str:
    if kind == _FIELD:
        return f".{argument}" if _PLAIN_NAME.match(argument) else f"[{canonical_json(argument).decode()}]"
    if kind == _KEYED:
        return "[" + ",".join(f"{key}={canonical_json(value).decode()}" for key, value in argument) + "]"
    if kind == _VALUE:
        return f"[={canonical_json(argument).decode()}]"
    return f"[{argument}]"


def field_path(*names: str) -> str:
    """Write a path of plain field names as this module does: `field_path("metadata", "labels", "a/b")`."""
    return "".join(_step_text(_FIELD, name) for name in names).removeprefix(".")


def item_path(key: str, value: Any) -> str:
    """Write the step to a list's item that is told apart by one key: `[name="app"]`."""
    return _step_text(_KEYED, ((key, value),))


def _walk(node: _Node, path: str) -> Iterator[tuple[str, bool]]:
    """Give each path that is a member, and whether it is a leaf."""
    if node.member and path:
        yield path.removeprefix("."), not node.steps
    for kind, argument, _, child in node.steps:
        yield from _walk(child, path + _step_text(kind, argument))


class FieldSet:
    """A set of fields. Equal sets are equal values with equal `digest`, whatever bytes they were read from."""

    __slots__ = ("_leaves", "_members", "_root", "digest")

    def __init__(self, trie: Mapping[str, Any]) -> None:
        """Read a decoded fieldsV1 trie. Raises `FieldsError`."""
        self._root = _compile(trie)
        self.digest = hashlib.blake2b(canonical_json(trie), digest_size=16).hexdigest()
        self._members: frozenset[str] | None = None
        self._leaves: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> FieldSet:
        """Read fieldsV1 as JSON; sets that were read before are given again. Raises `FieldsError`."""
        known = _by_bytes.get(raw)
        if known is not None:
            return known
        try:
            trie = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FieldsError(f"fieldsV1 is not a JSON object: {error}") from error
        made = cls(trie)
        if len(_by_bytes) >= _CACHE_LIMIT:
            _by_bytes.clear()
            _by_digest.clear()
        made = _by_digest.setdefault(made.digest, made)
        _by_bytes[raw] = made
        return made

    @property
    def empty(self) -> bool:
        """Whether nothing is in the set."""
        return not self._root.steps

    @property
    def paths(self) -> frozenset[str]:
        """The members' paths, such as `spec.template.spec.containers[name="app"].image`."""
        if self._members is None:
            walked = [] if self.empty else list(_walk(self._root, ""))
            self._leaves = tuple(path for path, leaf in walked if leaf)
            self._members = frozenset(path for path, _ in walked)
        return self._members

    def owns(self, path: str) -> bool:
        """Say whether a path is a member, or lies inside a field that is owned as a whole."""
        if path in self.paths:
            return True
        return any(path.startswith(leaf) and path[len(leaf)] in ".[" for leaf in self._leaves if len(path) > len(leaf))

    def minus(self, other: FieldSet) -> tuple[str, ...]:
        """Give the paths that are here and not in `other`, sorted."""
        return () if self.digest == other.digest else tuple(sorted(self.paths - other.paths))

    def values(self, body: Mapping[str, Any], others: Iterable[FieldSet] = ()) -> dict[str, Any]:
        """Give what stands at each leaf: path → value, without paths that are absent from the object."""
        found: dict[str, Any] = {}

        def visit(node: _Node, value: Any, path: str, theirs: list[_Node]) -> None:
            if not node.steps:
                found[path.removeprefix(".")] = _without(value, theirs)
            items = _Items(value)
            for kind, argument, key, child in node.steps:
                below = _child(kind, argument, value, items)
                if below is not _ABSENT:
                    narrowed = [each.children[key] for each in theirs if key in each.children]
                    visit(child, below, path + _step_text(kind, argument), narrowed)

        if not self.empty:
            visit(self._root, body, "", [each._root for each in others])
        return found

    def values_digest(self, body: Mapping[str, Any], others: Iterable[FieldSet] = ()) -> str:
        """Give a digest of what stands at the set's fields; `others` are the sets of the object's other managers."""
        if self.empty:
            return ""
        out: list[Any] = []
        absent: list[int] = []
        _collect(self._root, body, out, absent, [each._root for each in others])
        out.append(absent)
        return hashlib.blake2b(canonical_json(out), digest_size=16).hexdigest()

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        return isinstance(other, FieldSet) and other.digest == self.digest

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.digest)


_by_bytes: dict[bytes, FieldSet] = {}
_by_digest: dict[str, FieldSet] = {}


# ----------------------------------------------------------------------------------------------- ownership


class Ownership(msgspec.Struct, frozen=True):
    """What a manager owns of one object, by digest: of its entry, and of the values there. Empty: it owns nothing."""

    entry: str = ""
    values: str = ""


NO_OWNERSHIP = Ownership()


def entry_of(
    entries: Iterable[ManagedEntry], manager: str, operation: str = APPLY, subresource: str = ""
) -> ManagedEntry | None:
    """Give a manager's entry, `None` where it has none."""
    for entry in entries:
        if entry.manager == manager and entry.operation == operation and entry.subresource == subresource:
            return entry
    return None


def ownership(body: Mapping[str, Any], entries: Sequence[ManagedEntry], manager: str) -> Ownership:
    """Give what `manager` owns by server-side apply of this object. Raises `FieldsError`."""
    mine = entry_of(entries, manager)
    if mine is None:
        return NO_OWNERSHIP
    owned = mine.fields
    others = [entry.fields for entry in entries if entry is not mine and entry.subresource == ""]
    return Ownership(owned.digest, owned.values_digest(body, others))
