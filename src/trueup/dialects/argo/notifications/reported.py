"""An Application as its users see it at a report: with the status that is being written, so that no lag shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.health import HealthStatus
from trueup.core.model.objects import Body
from trueup.core.model.reports import OperationReport, OperationState, UnitReport
from trueup.core.notification.expressions import Facts, KnownCommit
from trueup.dialects.argo.application.sources.declared import source_of
from trueup.dialects.argo.application.sources.shown import source_type
from trueup.dialects.argo.application.status import application_status
from trueup.dialects.argo.application.types import Spec
from trueup.dialects.decode import list_of, mapping_of, metadata_of, read, text_of, without_nulls
from trueup.dialects.sync_options import commit_of
from trueup.dialects.times import stamp

_FAILED = (OperationState.FAILED, OperationState.ERROR)


def as_seen(body: Body, report: UnitReport, now: datetime, home: str, health: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Application with its status of this report.

    `health` is what the report before showed: a state that came and went between two writes still counts as a change.
    """
    before = mapping_of(body, "status")
    known = {**body, "status": {**before, "health": dict(health)}} if health else body
    write = application_status(known, report, now, home)
    metadata = {key: value for key, value in metadata_of(body).items() if key != "managedFields"}
    app = {**body, "metadata": metadata, "status": write.status if write is not None else known.get("status") or {}}
    for field in write.drop_fields if write is not None else ():
        app.pop(field, None)
    return app


def with_beginning(body: Body, report: UnitReport, before: OperationReport | None) -> tuple[UnitReport, ...]:
    """Give a report and, where a sync began and ended since the last, the one that would have told of its beginning.

    Conditions that hold of every ended sync are so told for each. A try that fails again of the same revision is no
    news. `before` is the last report's operation, where there was any; else what the object's status says counts.
    """
    operation = report.operation
    if operation is None or operation.finished is None:
        return (report,)
    if before is not None:
        known = before.started >= operation.started
        same, failed = before.revision == operation.revision, before.state in _FAILED
    else:
        shown = mapping_of(mapping_of(body, "status"), "operationState")
        known = text_of(shown, "startedAt") >= stamp(operation.started)
        same = text_of(mapping_of(shown, "syncResult"), "revision") == commit_of(operation.revision)
        failed = shown.get("phase") in ("Failed", "Error")
    again = same and failed and operation.state in _FAILED
    if known or again or operation.retries:
        return (report,)
    begun = msgspec.structs.replace(operation, state=OperationState.RUNNING, finished=None, results=(), message="")
    return (msgspec.structs.replace(report, operation=begun), report)


def unsettled(report: UnitReport) -> bool:
    """Say whether what does not hold now may only be passing: while pods come up or are not known yet, and while a sync
    is tried again.

    What was told stays told then, so that a crashing pod is not told of at each of its restarts.
    """
    operation = report.operation
    if operation is not None and operation.state is OperationState.RUNNING:
        return operation.retries > 0
    return report.health is not None and report.health.status in (HealthStatus.PROGRESSING, HealthStatus.UNKNOWN)


def facts_of(app: Body, report: UnitReport, context: Mapping[str, str]) -> Facts:
    """Give all that conditions and templates may know of an Application; secrets are added for templates alone."""
    commits = {}
    if report.commit is not None:
        commit = report.commit
        if commit.author is not None:
            known = KnownCommit(commit.message, str(commit.author), commit.author.when)
            commits = {commit.id: known, commit_of(report.current): known}
    return Facts({"app": app, "context": dict(context)}, commits, _details(app, report))


def _details(app: Body, report: UnitReport) -> dict[str, Any] | None:
    status = mapping_of(app, "status")
    known = text_of(status, "sourceType") or next(filter(None, list_of(status, "sourceTypes")), "")
    kind = source_type(report.recipe) or str(known)
    source = source_of(read(without_nulls(mapping_of(app, "spec")), Spec).value)
    if not kind or source is None:
        return None
    details: dict[str, Any] = {"type": kind}
    if kind == "Helm":
        helm = msgspec.to_builtins(source.helm) if source.helm is not None else {}
        wanted = ("valueFiles", "parameters", "values", "fileParameters")
        details["helm"] = {
            "name": helm.get("releaseName") or text_of(metadata_of(app), "name"),
            **{key: helm[key] for key in wanted if key in helm},
        }
    elif kind == "Kustomize":
        details["kustomize"] = {"images": list(source.kustomize.images) if source.kustomize is not None else []}
    else:
        details["directory"] = {}
    return details
