"""Flux's dialect as the engine sees it."""

from __future__ import annotations

from typing import ClassVar

from trueup.core.model.dialect import labels_of
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.dialects.adapter import KindAdapter
from trueup.dialects.family import Family
from trueup.dialects.flux.alert.adapter import ALERT_ADAPTER, PROVIDER_ADAPTER
from trueup.dialects.flux.bucket.adapter import ADAPTER as BUCKET
from trueup.dialects.flux.externalartifact.adapter import ADAPTER as EXTERNAL
from trueup.dialects.flux.gitrepository.adapter import ADAPTER as REPOSITORY
from trueup.dialects.flux.helmchart.adapter import ADAPTER as CHART
from trueup.dialects.flux.helmrepository.adapter import ADAPTER as CHARTS
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.adapter import ADAPTER as KUSTOMIZATION
from trueup.dialects.flux.kustomization.translate import NAME_LABEL, NAMESPACE_LABEL
from trueup.dialects.flux.ocirepository.adapter import ADAPTER as ARTIFACT
from trueup.dialects.flux.options import options_of
from trueup.dialects.flux.receiver.adapter import ADAPTER as RECEIVER


class Flux(Family, frozen=True):
    """Flux's objects."""

    name: ClassVar[str] = "Flux"
    adapters: ClassVar[tuple[KindAdapter, ...]] = (
        REPOSITORY,
        ARTIFACT,
        BUCKET,
        EXTERNAL,
        CHARTS,
        CHART,
        KUSTOMIZATION,
        RECEIVER,
        PROVIDER_ADAPTER,
        ALERT_ADAPTER,
    )

    def options(self, body: Body) -> ObjectOptions:
        """Read a delivered object's own wishes."""
        return options_of(body)

    def owner(self, body: Body) -> ObjectRef | None:
        """Say which Kustomization delivered an object."""
        labels = labels_of(body)
        name, namespace = labels.get(NAME_LABEL, ""), labels.get(NAMESPACE_LABEL, "")
        if not name or not namespace:
            return None
        return ObjectRef(kustomization.GROUP, kustomization.KIND, namespace, name)
