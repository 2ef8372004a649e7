"""What a write changed in an object, field by field, in words that can be kept and shown.

Pure: two bodies in, the fields that differ out. What the API server counts by itself is left out, a Secret's values
are never given (only that they changed), long values are cut, and there is a bound to how many fields are told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from trueup.core.fields.ownership import FieldsError, field_path, item_path, managed_entries
from trueup.core.model.objects import Body, ObjectRef, canonical_json

FIELDS_KEPT = 200
"""Of one object, this many changed fields are told; of the others only how many they are."""

VALUE_KEPT = 400
"""Characters of a value that are kept."""

_COUNTED = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_FIELDS = frozenset({"data", "stringData"})
_KEYS = ("name", "containerPort", "port", "mountPath", "type", "key", "ip", "uid")
"""Fields that tell the items of a list apart, the most telling first."""


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field: its path, and its value before and after as JSON text; empty where it was or is not there.

    `hidden`: the values are secret, and only the change itself may be told.
    """

    path: str
    before: str = ""
    after: str = ""
    hidden: bool = False


class ObjectChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sync did to one object: `action` is the plan's word, `more` how many changed fields are not listed.

    A created or removed object lists no fields: all of them came or went. `error` is what the API server said where
    it refused.
    """

    group: str
    kind: str
    namespace: str
    name: str
    action: str
    fields: tuple[FieldChange, ...] = ()
    more: int = 0
    error: str = ""

    @property
    def ref(self) -> ObjectRef:
        """The object's identity."""
        return ObjectRef(self.group, self.kind, self.namespace, self.name)


def field_changes(before: Body, after: Body) -> tuple[FieldChange, ...]:
    """Give the fields in which two versions of one object differ, without what the server counts and the status."""
    secret = after.get("kind") == "Secret"
    changes: list[FieldChange] = []
    for name in sorted({*before, *after} - {"status"}):
        old, new = before.get(name, _NOTHING), after.get(name, _NOTHING)
        if name == "metadata":
            old, new = _counted_out(old), _counted_out(new)
        hidden = secret and name in _SECRET_FIELDS
        changes.extend(_hide(change) if hidden else change for change in _differences(field_path(name), old, new))
    return tuple(changes)


OTHERS_TOLD = 3
"""So many others who changed an object, and so many fields of each, are named."""


def others_changes(before: Body, changes: tuple[FieldChange, ...], manager: str) -> tuple[str, ...]:
    """Say in words who had changed the fields of an object that a write of `manager` has set right.

    `before` is the object as it was, `changes` what the write changed. Who owns a field that was changed is named with
    it; where nobody does, whoever wrote to the object last is named alone.
    """
    try:
        others = [one for one in managed_entries(before) if one.manager != manager and one.subresource != "status"]
        sets = [(one, one.fields) for one in others]
    except FieldsError:
        return ()
    found: dict[str, list[str]] = {}
    for change in changes:
        for entry, fields in sets:
            if fields.owns(change.path):
                found.setdefault(entry.manager, []).append(change.path)
    if not found and others and changes:
        return (f"{max(others, key=lambda one: one.time).manager} changes it",)
    return tuple(
        f"{name} changes {', '.join(paths[:OTHERS_TOLD])}{' and more' if len(paths) > OTHERS_TOLD else ''}"
        for name, paths in sorted(found.items())[:OTHERS_TOLD]
    )


def told(ref: ObjectRef, action: str, changes: tuple[FieldChange, ...] = (), error: str = "") -> ObjectChange:
    """Make the record of one object's change, with no more fields than are kept."""
    return ObjectChange(*ref, action, changes[:FIELDS_KEPT], max(0, len(changes) - FIELDS_KEPT), error)


class _Nothing:
    """Stands where a field is absent, which is not the same as null."""


_NOTHING = _Nothing()


def _differences(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _differences(path + _below(name), old.get(name, _NOTHING), new.get(name, _NOTHING))
        return
    if isinstance(old, list) and isinstance(new, list):
        key = _key_of(old, new)
        if key is not None:
            olds, news = ({item[key]: item for item in items} for items in (old, new))
            for value in (*olds, *(value for value in news if value not in olds)):
                where = path + item_path(key, value)
                yield from _differences(where, olds.get(value, _NOTHING), news.get(value, _NOTHING))
            return
    # Compared as JSON: to Python, true is 1.
    if old is new or (old is not _NOTHING and new is not _NOTHING and canonical_json(old) == canonical_json(new)):
        return
    yield FieldChange(path, _text(old), _text(new))


def _key_of(old: list[Any], new: list[Any]) -> str | None:
    """Give a field that tells the items of both lists apart, `None` where they are compared as wholes."""
    items = [*old, *new]
    if not all(isinstance(item, dict) for item in items):
        return None
    for key in _KEYS:
        if all(isinstance(item.get(key), str | int) for item in items) and all(
            len({item[key] for item in side}) == len(side) for side in (old, new)
        ):
            return key
    return None


def _below(name: str) -> str:
    step = field_path(name)
    return step if step.startswith("[") else f".{step}"


def _text(value: Any) -> str:
    if value is _NOTHING:
        return ""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_KEPT else text[: VALUE_KEPT - 1] + "…"


def _counted_out(metadata: Any) -> Any:
    if not isinstance(metadata, dict):
        return metadata
    kept = {key: value for key, value in metadata.items() if key not in _COUNTED}
    annotations = kept.get("annotations")
    if isinstance(annotations, dict) and _LAST_APPLIED in annotations:
        kept["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return kept


def _hide(change: FieldChange) -> FieldChange:
    # Where a map as a whole came or went, its text would be told: keep the path, and that there was something.
    return FieldChange(change.path, hidden=True)
