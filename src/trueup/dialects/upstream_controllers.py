"""Upstream's own controllers: while one of them runs, its objects are read and not touched, until claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trueup.core.model.dialect import annotations_of
from trueup.dialects.decode import mapping_of, metadata_of, text_of

CLAIMED = "trueup.dev/claimed"
"""The annotation by which a user hands one object to Trueup while upstream's controller runs beside it."""

PART_OF = "app.kubernetes.io/part-of"


class UpstreamController(msgspec.Struct, frozen=True):
    """A controller of upstream's: the workload it runs as, and the API group that it works on."""

    kind: str
    name: str
    part_of: str
    group: str


UPSTREAM_CONTROLLERS = (
    UpstreamController("StatefulSet", "argocd-application-controller", "argocd", "argoproj.io"),
    UpstreamController("Deployment", "kustomize-controller", "flux", "kustomize.toolkit.fluxcd.io"),
    UpstreamController("Deployment", "source-controller", "flux", "source.toolkit.fluxcd.io"),
    UpstreamController("Deployment", "notification-controller", "flux", "notification.toolkit.fluxcd.io"),
)

SELECTOR = f"{PART_OF} in ({','.join(sorted({item.part_of for item in UPSTREAM_CONTROLLERS}))})"
"""The label selector that finds all of them."""


def managed_by(group: str, workloads: Iterable[Mapping[str, Any]]) -> str:
    """Name the controller that works on an API group, of the live workloads given; empty where none runs."""
    for body in workloads:
        metadata = metadata_of(dict(body))
        name = text_of(metadata, "name")
        for item in UPSTREAM_CONTROLLERS:
            if (item.group, item.kind, item.name) == (group, body.get("kind"), name) and _runs(body):
                return f"{item.kind}/{text_of(metadata, 'namespace')}/{name}"
    return ""


def claimed(body: Mapping[str, Any]) -> bool:
    """Say whether a user has handed an object to Trueup."""
    return annotations_of(body).get(CLAIMED) == "true"


def _runs(body: Mapping[str, Any]) -> bool:
    replicas = mapping_of(body, "spec").get("replicas")
    return replicas is None or (isinstance(replicas, int) and replicas > 0)
