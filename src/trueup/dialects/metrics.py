"""How dashboards of both upstreams see units and sources: names and labels of their metrics, from neutral reports."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.core.health import HealthStatus
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.git import GitSpec
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.objects import ObjectRef
from trueup.core.model.reports import Reason, SourceReport, SyncState, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.redaction import redact
from trueup.dialects.argo.application import types as application
from trueup.dialects.flux.gitrepository import types as repository
from trueup.dialects.flux.kustomization import types as kustomization

IN_CLUSTER = "https://kubernetes.default.svc"
_SYNC = {SyncState.SYNCED: "Synced", SyncState.OUT_OF_SYNC: "OutOfSync", SyncState.UNKNOWN: "Unknown"}
_APP_INFO = "Information about an Application."
_SYNCS = "Syncs of an Application, by how they ended."
_SYNC_SECONDS = "Seconds that the syncs of an Application took, in all."
_CONDITIONS = "Conditions of an Application."
_RESOURCE_INFO = "A Flux object, as kube-state-metrics shows it by Flux' own configuration."
_CONDITION = "Whether a Flux object has a condition of this type and status."
_SUSPENDED = "Whether a Flux object is suspended."
_LOOKED = "Time that a look at an Application takes."
_ASKED = "Time that asking a Git repository takes, fetching included where it has moved."
_ASKINGS = "How often Git repositories were asked."
_NOT_FETCHED = "How often a Git repository could not be asked or fetched."
_RECONCILED = "Time that a look at a Flux object takes."
_LOOK_BUCKETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_GIT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)
_FLUX_BUCKETS = tuple(round(0.01 * 180_000 ** (step / 9), 4) for step in range(10))
"""Ten from a hundredth of a second to half an hour, each as many times the one before."""

CLUSTER_LABELS = ("server", "k8s_version", "name")


def cluster_labels(version: str) -> tuple[str, str, str]:
    """Give the values of `CLUSTER_LABELS` for the cluster that is delivered to, of Kubernetes `version`."""
    return (IN_CLUSTER, version, "in-cluster")


def unit_series(
    unit: Unit, report: UnitReport, source: SourceDeclaration | None, record: DeploymentRecord | None
) -> Iterator[Series]:
    """Give a unit's series; `source` is where it comes from. With a `record`, what that sync adds to totals."""
    url = redact(source.spec.url) if source is not None else ""
    if (unit.ref.group, unit.ref.kind) == (application.GROUP, application.KIND):
        yield from _application(unit, report, url) if record is None else _application_sync(unit, record)
    elif (unit.ref.group, unit.ref.kind) == (kustomization.GROUP, kustomization.KIND) and record is None:
        extra = {"revision": report.applied, "source_name": unit.source.name}
        ready = "True" if report.phase is UnitPhase.SETTLED else "False"
        if report.phase in (UnitPhase.APPLYING, UnitPhase.CHECKING, UnitPhase.RENDERING):
            ready = "Unknown"
        yield from _flux(unit.ref.kind, unit.ref.namespace, unit.ref.name, ready, unit.suspended, extra)


def source_series(declaration: SourceDeclaration, report: SourceReport) -> Iterator[Series]:
    """Give a source's series."""
    ref = declaration.ref
    if (ref.group, ref.kind) == (repository.GROUP, repository.KIND):
        ready = "False" if report.fault is not None else "True" if report.revision else "Unknown"
        extra = {"revision": report.revision, "url": redact(declaration.spec.url)}
        yield from _flux(ref.kind, ref.namespace, ref.name, ready, report.suspended, extra)


def looked(unit: Unit) -> Iterator[Observed]:
    """Give what a look at a unit is counted in."""
    ref = unit.ref
    if (ref.group, ref.kind) == (application.GROUP, application.KIND):
        labels = {"namespace": ref.namespace, "dest_server": IN_CLUSTER}
        yield Observed("argocd_app_reconcile", _LOOKED, labels, _LOOK_BUCKETS)
    elif (ref.group, ref.kind) == (kustomization.GROUP, kustomization.KIND):
        yield _reconciled(ref)


def asked(declaration: SourceDeclaration, failed: bool) -> Iterator[Observed]:
    """Give what asking a source is counted in."""
    ref = declaration.ref
    if (ref.group, ref.kind) == (application.GROUP, application.KIND):
        repo = {"repo": redact(declaration.spec.url)}
        labels = {**repo, "request_type": "ls-remote"}
        yield Observed("argocd_git_request_duration_seconds", _ASKED, labels, _GIT_BUCKETS)
        yield Observed("argocd_git_request", _ASKINGS, labels)
        if failed:
            spec = declaration.spec
            revision = (spec.ref.revision if isinstance(spec, GitSpec) else "") or "HEAD"
            yield Observed("argocd_git_fetch_fail", _NOT_FETCHED, {**repo, "revision": revision})
    elif (ref.group, ref.kind) == (repository.GROUP, repository.KIND):
        yield _reconciled(ref)


def _reconciled(ref: ObjectRef) -> Observed:
    labels = {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
    return Observed("gotk_reconcile_duration_seconds", _RECONCILED, labels, _FLUX_BUCKETS, own=True)


def _application(unit: Unit, report: UnitReport, source: str) -> Iterator[Series]:
    names = {"namespace": unit.ref.namespace, "name": unit.ref.name, "project": unit.project or "default"}
    running = report.operation is not None and report.operation.finished is None
    yield Series(
        "argocd_app_info",
        _APP_INFO,
        {
            **names,
            "autosync_enabled": "true" if unit.policy.automated else "false",
            "repo": source,
            "dest_server": IN_CLUSTER,
            "dest_namespace": unit.target.namespace,
            "sync_status": _SYNC[report.sync],
            "health_status": (report.health.status if report.health else HealthStatus.UNKNOWN).value,
            "operation": "delete" if unit.deleting else "sync" if running else "",
        },
    )
    if report.phase in (UnitPhase.FAILED, UnitPhase.HELD):
        bad = {Reason.INVALID_SPEC: "InvalidSpecError", Reason.RENDER_FAILED: "ComparisonError"}
        condition = bad.get(report.reason, "SyncError")
        yield Series("argocd_app_condition", _CONDITIONS, {**names, "condition": condition})


def _application_sync(unit: Unit, record: DeploymentRecord) -> Iterator[Series]:
    if record.cause is Cause.HEAL and record.ending is Ending.SUPERSEDED:
        return
    names = {
        "namespace": unit.ref.namespace,
        "name": unit.ref.name,
        "project": unit.project or "default",
        "dest_server": IN_CLUSTER,
    }
    phase = "Succeeded" if record.ending is Ending.GOOD else "Failed"
    yield Series("argocd_app_sync", _SYNCS, {**names, "phase": phase, "dry_run": "false"}, 1.0, total=True)
    seconds = max(record.seconds, 0.0)
    yield Series("argocd_app_sync_duration_seconds", _SYNC_SECONDS, names, seconds, total=True)


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
