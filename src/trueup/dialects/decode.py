"""Reading users' objects into typed ones, leniently: nothing that stands in an object raises.

What the API server let through may still be of a wrong type (upstream's older definitions, or none at all). Each such
field is a problem of its own; the rest is read as if the field were absent. Fields that no type knows are named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
import msgspec.inspect as inspection

from trueup.core.model.objects import Body

REQUIRED = msgspec.Meta(extra={"required": True})
"""Marks a field that upstream's definition requires. Its type has a default all the same, so that the rest is read."""

OPAQUE = msgspec.Meta(extra={"opaque": True})
"""Marks a field of any content, kept as it is: its own fields are neither checked nor named."""

Text: TypeAlias = Annotated[str, REQUIRED]
"""A required text."""

S = TypeVar("S", bound=msgspec.Struct)


class Read(msgspec.Struct, Generic[S], frozen=True):
    """What was read: the typed value, problems (wrong type, or required and absent) and the paths of unknown fields."""

    value: S
    problems: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Shape(msgspec.Struct, frozen=True):
    """A struct's fields by their JSON names, with the shapes of those to look into, and which of them are required."""

    fields: dict[str, Shape | None]
    required: tuple[str, ...]
    many: frozenset[str]


_ERRORS = 20
_AT = re.compile(r" - at `(?P<key>key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")


def read(value: Any, kind: type[S], root: str = "spec") -> Read[S]:
    """Read a decoded JSON value as `kind`; `root` begins the paths in messages."""
    problems: list[str] = []
    if not isinstance(value, Mapping):
        if value is not None:
            problems.append(f"{root} is {_named(value)}, not an object")
        value = {}
    typed = _convert(value, kind, root, problems)
    unknown: list[str] = []
    _compare(value, shape_of(kind), root, unknown, problems)
    return Read(typed, tuple(problems), tuple(unknown))


def _convert(value: Mapping[str, Any], kind: type[S], root: str, problems: list[str]) -> S:
    """Convert; each field of a wrong type is named, left out, and the conversion tried again."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        pass
    try:
        value = without_nulls(value)
        for _ in range(_ERRORS):
            try:
                return msgspec.convert(value, kind)
            except msgspec.ValidationError as error:
                text = str(error)
                match = _AT.search(text)
                path = match["path"] if match else ""
                words = text[: match.start()] if match else text
                problems.append(f"{root}{path}: {words[:1].lower()}{words[1:]}")
                if not match or not _drop(value, path):
                    break
    except RecursionError:
        problems.append(f"{root} is nested too deeply")
    return kind()


def without_nulls(value: Any) -> Any:
    """Copy, leaving out nulls: the API server takes an absent field and a null for the same."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None and isinstance(key, str)}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _drop(value: Any, path: str) -> bool:
    """Remove what stands at the path of a conversion error; where that is unclear, its outermost field."""
    steps = [step["name"] if step["name"] is not None else step["index"] for step in _STEP.finditer(path)]
    if not steps or steps[0] is None or not isinstance(value, dict):
        return False
    holder: Any = value
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(holder, dict) and step in holder:
            if following is None:
                del holder[step]
                return True
            holder = holder[step]
        elif isinstance(holder, list) and step is not None and step.isdigit() and int(step) < len(holder):
            if following is None:
                del holder[int(step)]
                return True
            holder = holder[int(step)]
        else:
            break
    return value.pop(steps[0], None) is not None


def _compare(value: Any, shape: Shape, path: str, unknown: list[str], problems: list[str]) -> None:
    """Walk along a value, naming what its type does not know and what it lacks."""
    for name in shape.required:
        if value.get(name) is None:
            problems.append(f"{path}.{name} is required")
    for name, item in value.items():
        if name not in shape.fields:
            if item is not None:
                unknown.append(f"{path}.{name}")
            continue
        inner = shape.fields[name]
        if inner is None:
            continue
        if name in shape.many:
            if isinstance(item, list):
                for number, element in enumerate(item):
                    if isinstance(element, Mapping):
                        _compare(element, inner, f"{path}.{name}[{number}]", unknown, problems)
        elif isinstance(item, Mapping):
            _compare(item, inner, f"{path}.{name}", unknown, problems)


@cache
def shape_of(kind: type[msgspec.Struct]) -> Shape:
    """Give the shape of a struct type, read once from its annotations."""
    described = inspection.type_info(kind)
    assert isinstance(described, inspection.StructType)
    fields: dict[str, Shape | None] = {}
    required, many = [], set()
    for field in described.fields:
        inner, marks = unwrapped(field.type)
        if marks.get("required"):
            required.append(field.encode_name)
        fields[field.encode_name] = None
        if isinstance(inner, inspection.StructType):
            fields[field.encode_name] = shape_of(inner.cls)
        elif isinstance(inner, inspection.VarTupleType):
            item, _ = unwrapped(inner.item_type)
            if isinstance(item, inspection.StructType):
                fields[field.encode_name] = shape_of(item.cls)
                many.add(field.encode_name)
    return Shape(fields, tuple(required), frozenset(many))


def unwrapped(described: inspection.Type) -> tuple[inspection.Type, dict[str, Any]]:
    """Give a field's type without marks and without `| None`, and the marks."""
    marks: dict[str, Any] = {}
    while True:
        if isinstance(described, inspection.Metadata):
            marks.update(described.extra or {})
            described = described.type
        elif isinstance(described, inspection.UnionType):
            others = [item for item in described.types if not isinstance(item, inspection.NoneType)]
            if len(others) != 1:
                return described, marks
            described = others[0]
        else:
            return described, marks


def _named(value: Any) -> str:
    names = {bool: "a boolean", str: "a text", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "a value")


def metadata_of(body: Body) -> Mapping[str, Any]:
    """Give an object's metadata, empty where it has none."""
    found = body.get("metadata")
    return found if isinstance(found, Mapping) else {}


def text_of(holder: Any, field: str) -> str:
    """Give a text field of a mapping, empty where it is none."""
    found = holder.get(field) if isinstance(holder, Mapping) else None
    return found if isinstance(found, str) else ""


def number_of(holder: Any, field: str, default: int = 0) -> int:
    """Give a whole number of a mapping."""
    found = holder.get(field) if isinstance(holder, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def mapping_of(holder: Any, field: str) -> Mapping[str, Any]:
    """Give a mapping inside a mapping, empty where it is none."""
    found = holder.get(field) if isinstance(holder, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def list_of(holder: Any, field: str) -> list[Any]:
    """Give a list inside a mapping, empty where it is none."""
    found = holder.get(field) if isinstance(holder, Mapping) else None
    return found if isinstance(found, list) else []
