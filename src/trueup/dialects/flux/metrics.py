"""How Flux' dashboards see its objects: names and labels of their metrics, from neutral reports."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.core.model.deployment_record import DeploymentRecord
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import SourceReport, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.redaction import hide_user

_RESOURCE_INFO = "A Flux object, as kube-state-metrics shows it by Flux' own configuration."
_CONDITION = "Whether a Flux object has a condition of this type and status."
_SUSPENDED = "Whether a Flux object is suspended."
_RECONCILED = "Time that a reconciliation of a Flux object takes."
_FLUX_BUCKETS = tuple(round(0.01 * 180_000 ** (step / 9), 4) for step in range(10))
"""Ten from a hundredth of a second to half an hour, each as many times the one before."""


def flux_unit_series(unit: Unit, report: UnitReport, url: str, record: DeploymentRecord | None) -> Iterator[Series]:
    """Give the series of a unit of Flux."""
    if record is not None:
        return
    extra = {"revision": report.applied, "source_name": unit.source.name}
    ready = "True" if report.phase is UnitPhase.SETTLED else "False"
    if report.phase in (UnitPhase.APPLYING, UnitPhase.CHECKING, UnitPhase.RENDERING):
        ready = "Unknown"
    yield from _flux(unit.ref.kind, unit.ref.namespace, unit.ref.name, ready, unit.suspended, extra)


def flux_source_series(declaration: SourceDeclaration, report: SourceReport) -> Iterator[Series]:
    """Give the series of a source of Flux."""
    ref = declaration.ref
    ready = "False" if report.fault is not None else "True" if report.revision else "Unknown"
    extra = {"revision": report.revision, "url": hide_user(declaration.spec.url)}
    yield from _flux(ref.kind, ref.namespace, ref.name, ready, report.suspended, extra)


def flux_unit_observed(unit: Unit) -> Iterator[Observed]:
    """Give the metrics of a unit's reconciliation."""
    yield _reconciled(unit.ref)


def flux_source_observed(declaration: SourceDeclaration, failed: bool) -> Iterator[Observed]:
    """Give what asking a source is counted in."""
    yield _reconciled(declaration.ref)


def _reconciled(ref: ObjectRef) -> Observed:
    labels = {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
    return Observed("gotk_reconcile_duration_seconds", _RECONCILED, labels, _FLUX_BUCKETS, own=True)


def _flux(kind: str, namespace: str, name: str, ready: str, suspended: bool, extra: dict[str, str]) -> Iterator[Series]:
    info = {
        "name": name,
        "exported_namespace": namespace,
        "customresource_kind": kind,
        "ready": ready,
        "suspended": "true" if suspended else "false",
        "revision": extra.get("revision", ""),
        "source_name": extra.get("source_name", ""),
        "url": extra.get("url", ""),
    }
    yield Series("gotk_resource_info", _RESOURCE_INFO, info)
    names = {"kind": kind, "namespace": namespace, "name": name}
    for status in ("True", "False", "Unknown"):
        labels = {**names, "type": "Ready", "status": status}
        yield Series("gotk_reconcile_condition", _CONDITION, labels, float(status == ready))
    yield Series("gotk_suspend_status", _SUSPENDED, names, float(suspended))
