"""Values as programs get them: every documented field is there, also what is empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.model.objects import ObjectRef


def data_of(value: Any) -> Any:
    """Give a value as JSON has it: structs with all their fields, objects as `Kind/namespace/name`."""
    if isinstance(value, ObjectRef):
        return str(value)
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {field.encode_name: data_of(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): data_of(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [data_of(item) for item in value]
    return msgspec.to_builtins(value)
