"""Flux's dialect as the engine sees it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from trueup.core.model.dialect import Context, Role, Translated, WatchedKind, labels_of
from trueup.core.model.objects import Body, ObjectOptions, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite, UnitReport
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.gitrepository.translate import repository_status, translate_repository
from trueup.dialects.flux.kustomization import types as kustomization
from trueup.dialects.flux.kustomization.status import kustomization_ready, kustomization_status
from trueup.dialects.flux.kustomization.translate import NAME_LABEL, NAMESPACE_LABEL, translate_kustomization
from trueup.dialects.flux.options import options_of

_KINDS = (
    WatchedKind(repository.GROUP, repository.KIND, "gitrepositories", repository.VERSIONS, Role.SOURCE),
    WatchedKind(kustomization.GROUP, kustomization.KIND, "kustomizations", kustomization.VERSIONS, Role.UNIT),
)


class Flux(msgspec.Struct, frozen=True):
    """Flux's objects."""

    @property
    def name(self) -> str:
        """Its name, for people."""
        return "Flux"

    @property
    def kinds(self) -> tuple[WatchedKind, ...]:
        """The kinds it understands."""
        return _KINDS

    def translate(self, body: Body, context: Context) -> Translated:
        """Translate a Kustomization or a GitRepository."""
        kind = body.get("kind")
        if kind == kustomization.KIND:
            return translate_kustomization(body, context)
        return translate_repository(body, context) if kind == repository.KIND else Translated()

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

    def unit_status(self, body: Body, report: UnitReport, now: datetime) -> StatusWrite | None:
        """Write a Kustomization's status."""
        return kustomization_status(body, report, now)

    def source_status(self, body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
        """Write a GitRepository's status."""
        return repository_status(body, report, now)

    def ready(self, body: Body) -> bool:
        """Say whether a Kustomization is ready and has observed its own generation."""
        return kustomization_ready(body)
