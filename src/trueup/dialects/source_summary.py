"""Where a unit or source comes from and when it last changed, by its own object: what a wide table adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from trueup.core.model.objects import ObjectRef
from trueup.dialects.decode import list_of, mapping_of, text_of


class Origin(msgspec.Struct, frozen=True):
    """`source` is a URL, or the object that knows it where that is not there; `path` is the folder, or the chart.

    `changed` is when the status last said something else (RFC 3339).
    """

    source: str = ""
    path: str = ""
    changed: str = ""


def origin(body: Mapping[str, Any], urls: Mapping[ObjectRef, str] = {}) -> Origin:
    """Read an object's origin; `urls` has those of sources that are objects of their own (`url_of`)."""
    spec = mapping_of(body, "spec")
    if body.get("kind") == "Application":
        sources = [item for item in list_of(spec, "sources") if isinstance(item, Mapping)] or [
            mapping_of(spec, "source")
        ]
        source = ", ".join(filter(None, (text_of(item, "repoURL") for item in sources)))
        path = ", ".join(filter(None, (text_of(item, "path") or text_of(item, "chart") for item in sources)))
    elif url := url_of(body):
        source, path = url, ""
    else:
        chart = mapping_of(mapping_of(spec, "chart"), "spec")
        source = _referred(body, mapping_of(spec, "sourceRef") or mapping_of(chart, "sourceRef"), urls)
        path = text_of(spec, "path") or text_of(chart, "chart")
    return Origin(source, path, max(_times(mapping_of(body, "status")), default=""))


def url_of(body: Mapping[str, Any]) -> str:
    """Give the URL of an object that is a source, empty where it is none."""
    return text_of(mapping_of(body, "spec"), "url")


def _referred(body: Mapping[str, Any], reference: Mapping[str, Any], urls: Mapping[ObjectRef, str]) -> str:
    kind, name = text_of(reference, "kind"), text_of(reference, "name")
    namespace = text_of(reference, "namespace") or text_of(mapping_of(body, "metadata"), "namespace")
    for ref, url in urls.items():
        if (ref.kind, ref.namespace, ref.name) == (kind, namespace, name):
            return url
    return f"{kind}/{namespace}/{name}" if name else ""


def _times(status: Mapping[str, Any]) -> Iterator[str]:
    # All are written in UTC to the second, so that the latest is the greatest.
    yield text_of(mapping_of(status, "operationState"), "finishedAt")
    yield text_of(mapping_of(status, "health"), "lastTransitionTime")
    for item in list_of(status, "conditions"):
        if isinstance(item, Mapping):
            yield text_of(item, "lastTransitionTime")
