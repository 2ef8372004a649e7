"""How Argo CD's dashboards see an Application: names and labels of its metrics, from neutral reports."""

from __future__ import annotations

from collections.abc import Iterator

from trueup.core.health import HealthStatus
from trueup.core.model.deployment_record import Cause, DeploymentRecord, Ending
from trueup.core.model.git import GitSpec
from trueup.core.model.metrics import Observed, Series
from trueup.core.model.reports import Reason, SyncState, UnitPhase, UnitReport
from trueup.core.model.unit import SourceDeclaration, Unit
from trueup.core.redaction import hide_user

IN_CLUSTER = "https://kubernetes.default.svc"
_SYNC = {SyncState.SYNCED: "Synced", SyncState.OUT_OF_SYNC: "OutOfSync", SyncState.UNKNOWN: "Unknown"}
_APP_INFO = "Information about an Application."
_SYNCS = "Syncs of an Application, by how they ended."
_SYNC_SECONDS = "Seconds that the syncs of an Application took, in all."
_CONDITIONS = "Conditions of an Application."
_LOOKED = "Time that a reconciliation of an Application takes."
_ASKED = "Time that asking a Git repository takes, fetching included where it has moved."
_ASKINGS = "How often Git repositories were asked."
_NOT_FETCHED = "How often a Git repository could not be asked or fetched."
_LOOK_BUCKETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_GIT_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)

CLUSTER_LABELS = ("server", "k8s_version", "name")


def cluster_labels(version: str) -> tuple[str, str, str]:
    """Give the values of `CLUSTER_LABELS` for the cluster that is delivered to, of Kubernetes `version`."""
    return (IN_CLUSTER, version, "in-cluster")


def application_series(unit: Unit, report: UnitReport, url: str, record: DeploymentRecord | None) -> Iterator[Series]:
    """Give an Application's series; with a `record`, what that sync adds to totals."""
    return _application(unit, report, url) if record is None else _application_sync(unit, record)


def application_observed(unit: Unit) -> Iterator[Observed]:
    """Give the metrics of a reconciliation of an Application."""
    labels = {"namespace": unit.ref.namespace, "dest_server": IN_CLUSTER}
    yield Observed("argocd_app_reconcile", _LOOKED, labels, _LOOK_BUCKETS)


def repository_observed(declaration: SourceDeclaration, failed: bool) -> Iterator[Observed]:
    """Give what asking an Application's repository is counted in."""
    if not isinstance(declaration.spec, GitSpec):
        return
    repo = {"repo": hide_user(declaration.spec.url)}
    labels = {**repo, "request_type": "ls-remote"}
    yield Observed("argocd_git_request_duration_seconds", _ASKED, labels, _GIT_BUCKETS)
    yield Observed("argocd_git_request", _ASKINGS, labels)
    if failed:
        revision = declaration.spec.ref.revision or "HEAD"
        yield Observed("argocd_git_fetch_fail", _NOT_FETCHED, {**repo, "revision": revision})


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
