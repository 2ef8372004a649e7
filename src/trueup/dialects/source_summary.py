"""Where a unit or source comes from and when it last changed, by its own object: what a wide table adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.dialects.adapter import origin_by_reference
from trueup.dialects.decode import list_of, mapping_of, text_of
from trueup.dialects.registry import adapter_of


class Origin(msgspec.Struct, frozen=True):
    """`source` is a URL, or the object that knows it where that is not there; `path` is the folder, or the chart.

    `changed` is when the status last said something else (RFC 3339).
    """

    source: str = ""
    path: str = ""
    changed: str = ""


def origin(body: Mapping[str, Any], urls: Mapping[ObjectRef, str] = {}) -> Origin:
    """Read an object's origin; `urls` has those of sources that are objects of their own (`url_of`)."""
    ref = ObjectRef.of(body)
    adapter = adapter_of(ref.group, ref.kind)
    source, path = (adapter.origin if adapter is not None else origin_by_reference)(body, urls)
    return Origin(source, path, max(_times(mapping_of(body, "status")), default=""))


def url_of(body: Mapping[str, Any]) -> str:
    """Give the URL of an object that is a source, empty where it is none."""
    return text_of(mapping_of(body, "spec"), "url")


def _times(status: Mapping[str, Any]) -> Iterator[str]:
    # All are written in UTC to the second, so that the latest is the greatest.
    yield text_of(mapping_of(status, "operationState"), "finishedAt")
    yield text_of(mapping_of(status, "health"), "lastTransitionTime")
    for item in list_of(status, "conditions"):
        if isinstance(item, Mapping):
            yield text_of(item, "lastTransitionTime")
