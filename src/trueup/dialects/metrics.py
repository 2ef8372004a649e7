"""How upstream's dashboards see units and sources: each kind's adapter says it."""

from __future__ import annotations

from collections.abc import Iterable

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.reports import SourceReport, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.redaction import hide_user
from trueup.dialects.argo.application.metrics import CLUSTER_LABELS, cluster_labels
from trueup.dialects.registry import adapter_of

__all__ = ["CLUSTER_LABELS", "cluster_labels", "source_observed", "source_series", "unit_observed", "unit_series"]


def unit_series(
    unit: Unit, report: UnitReport, source: SourceDeclaration | None, record: DeploymentRecord | None
) -> Iterable[Series]:
    """Give a unit's series; `source` is where it comes from. With a `record`, what that sync adds to totals."""
    adapter = adapter_of(unit.ref.group, unit.ref.kind)
    url = hide_user(source.spec.url) if source is not None else ""
    return adapter.unit_series(unit, report, url, record) if adapter is not None else ()


def source_series(declaration: SourceDeclaration, report: SourceReport) -> Iterable[Series]:
    """Give a source's series."""
    adapter = adapter_of(declaration.ref.group, declaration.ref.kind)
    return adapter.source_series(declaration, report) if adapter is not None else ()


def unit_observed(unit: Unit) -> Iterable[Observed]:
    """Give the metrics of a unit's reconciliation."""
    adapter = adapter_of(unit.ref.group, unit.ref.kind)
    return adapter.unit_observed(unit) if adapter is not None else ()


def source_observed(declaration: SourceDeclaration, failed: bool) -> Iterable[Observed]:
    """Give what asking a source is counted in."""
    adapter = adapter_of(declaration.ref.group, declaration.ref.kind)
    return adapter.source_observed(declaration, failed) if adapter is not None else ()
