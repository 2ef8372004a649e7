"""From typed objects to the structural schemas of custom resource definitions.

The schemas accept whatever upstream's accept: unknown fields are kept everywhere, enumerations and patterns are left to
translation, which names what is wrong in the object's status instead of having it refused at the door.
"""

from __future__ import annotations

from typing import Any

import msgspec
import msgspec.inspect as inspection

from trueup.dialects.decode import unwrapped

Schema = dict[str, Any]
PRESERVE = "x-kubernetes-preserve-unknown-fields"


def any_object(description: str = "") -> Schema:
    """Give the schema of an object of any content."""
    schema: Schema = {"type": "object", PRESERVE: True}
    if description:
        schema["description"] = description
    return schema


def schema_of(kind: type[msgspec.Struct]) -> Schema:
    """Give the structural schema of a typed object."""
    described = inspection.type_info(kind)
    assert isinstance(described, inspection.StructType)
    return _struct(described)


def _struct(described: inspection.StructType) -> Schema:
    schema: Schema = {"type": "object", PRESERVE: True}
    if doc := (described.cls.__doc__ or "").strip():
        schema["description"] = " ".join(doc.split("\n\n")[0].split())
    required = []
    properties: dict[str, Schema] = {}
    for field in described.fields:
        inner, marks = unwrapped(field.type)
        properties[field.encode_name] = {PRESERVE: True} if marks.get("opaque") else _schema(inner)
        if marks.get("required"):
            required.append(field.encode_name)
    if properties:
        schema["properties"] = properties
    if required:
        schema["required"] = sorted(required)
    return schema


def _schema(described: inspection.Type) -> Schema:
    inner, _ = unwrapped(described)
    if isinstance(inner, inspection.StructType):
        return _struct(inspection.type_info(inner.cls))  # type: ignore[arg-type]
    if isinstance(inner, inspection.VarTupleType):
        return {"type": "array", "items": _schema(inner.item_type)}
    if isinstance(inner, inspection.DictType):
        return {"type": "object", "additionalProperties": _schema(inner.value_type)}
    if isinstance(inner, inspection.UnionType):
        return {"x-kubernetes-int-or-string": True}
    scalars: dict[type, Schema] = {
        inspection.StrType: {"type": "string"},
        inspection.BoolType: {"type": "boolean"},
        inspection.IntType: {"type": "integer", "format": "int64"},
    }
    return dict(scalars.get(type(inner), {PRESERVE: True}))
