"""How a unit or source stands by its own status, in the same few words for every kind: what a table shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.core.model.objects import ObjectRef
from trueup.dialects.adapter import Standing, standing_by_conditions
from trueup.dialects.decode import list_of, mapping_of, text_of
from trueup.dialects.registry import adapter_of

__all__ = ["Standing", "conditions_since", "standing"]


def standing(body: Mapping[str, Any]) -> Standing:
    """Read an object's standing from its status; an object without one is not known yet."""
    ref = ObjectRef.of(body)
    adapter = adapter_of(ref.group, ref.kind)
    return adapter.standing(body) if adapter is not None else standing_by_conditions(body)


def conditions_since(body: Mapping[str, Any]) -> str:
    """Say since when an object stands as it does (RFC 3339), as far as its status tells; empty where it does not."""
    status = mapping_of(body, "status")
    conditions = [item for item in list_of(status, "conditions") if isinstance(item, Mapping)]
    ready = [item for item in conditions if item.get("type") == "Ready"] or conditions
    times = [text_of(item, "lastTransitionTime") for item in ready]
    return max(times, default="") or text_of(mapping_of(status, "health"), "lastTransitionTime")
