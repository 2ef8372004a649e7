"""`status.operationState`: the sync under way, or the last one that ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.objects import Phase
from trueup.core.model.reports import ObjectResult, OperationReport, OperationState, ResultCode, UnitReport
from trueup.dialects.argo.application.sources.shown import Shown
from trueup.dialects.decode import mapping_of, text_of
from trueup.dialects.times import duration, stamp

_PHASES = {
    OperationState.RUNNING: "Running",
    OperationState.TERMINATING: "Terminating",
    OperationState.SUCCEEDED: "Succeeded",
    OperationState.FAILED: "Failed",
    OperationState.ERROR: "Error",
}
_CODES = {
    ResultCode.SYNCED: ("Synced", "Running"),
    ResultCode.FAILED: ("SyncFailed", "Failed"),
    ResultCode.PRUNED: ("Pruned", "Succeeded"),
    ResultCode.PRUNE_SKIPPED: ("PruneSkipped", "Succeeded"),
}
"""Upstream's word for a result, and for how its operation on the object stands: one that was applied stays Running."""

_MESSAGES = {
    ResultCode.PRUNED: "pruned",
    ResultCode.PRUNE_SKIPPED: "ignored (requires pruning)",
}
SUCCEEDED = "successfully synced (all tasks run)"


def operation_state(
    spec: Mapping[str, Any], shown: Shown, operation: OperationReport, report: UnitReport
) -> dict[str, Any]:
    """Give the state of an operation."""
    revisions = shown.revisions(operation.revision, operation.revisions)
    message = operation.message or (SUCCEEDED if operation.state is OperationState.SUCCEEDED else report.message)
    # Upstream's definition requires a revision in every result.
    result: dict[str, Any] = {"revision": "", **revisions, **shown.sources}
    if operation.results:
        result["resources"] = [_result(item) for item in operation.results]
    state: dict[str, Any] = {
        "phase": _PHASES[operation.state],
        "message": message,
        "operation": _operation(spec, operation, revisions),
        "startedAt": stamp(operation.started),
        "syncResult": result,
    }
    if operation.finished is not None:
        state["finishedAt"] = stamp(operation.finished)
    if operation.retries:
        state["retryCount"] = operation.retries
    return state


def refused_state(operation: Any, message: str, now: datetime) -> dict[str, Any]:
    """Give the state of an operation that cannot be carried out at all."""
    return {
        "phase": "Error",
        "message": message,
        "operation": operation if isinstance(operation, dict) else {},
        "startedAt": stamp(now),
        "finishedAt": stamp(now),
    }


def refused_later(before: Mapping[str, Any], operation: OperationReport) -> bool:
    """Say whether a status shows the refusal of an operation that came after this one: it stays until the next sync."""
    state = mapping_of(before, "operationState")
    return (
        state.get("phase") == "Error"
        and "syncResult" not in state
        and text_of(state, "startedAt") > stamp(operation.started)
    )


def _operation(spec: Mapping[str, Any], given: OperationReport, revisions: Mapping[str, Any]) -> dict[str, Any]:
    policy = mapping_of(spec, "syncPolicy")
    sync: dict[str, Any] = dict(revisions) or {"revision": ""}
    request = given.request
    if request is None:
        if mapping_of(policy, "automated").get("prune") is True:
            sync["prune"] = True
        operation: dict[str, Any] = {"initiatedBy": {"automated": True}, "retry": policy.get("retry") or {"limit": 5}}
        if given.healing:
            sync["autoHealAttemptsCount"] = 1
    else:
        if request.prune:
            sync["prune"] = True
        if request.dry_run:
            sync["dryRun"] = True
        if request.resources:
            sync["resources"] = [
                {
                    key: value
                    for key, value in zip(("group", "kind", "namespace", "name"), ref, strict=True)
                    if value or key in ("kind", "name")
                }
                for ref in request.resources
            ]
        if request.force:
            sync["syncStrategy"] = {"hook": {"force": True}}
        operation = {"initiatedBy": {"username": request.initiator} if request.initiator else {}, "retry": {}}
        if request.retry.limit:
            operation["retry"] = {
                "limit": request.retry.limit,
                "backoff": {
                    "duration": duration(request.retry.base),
                    "factor": int(request.retry.factor),
                    "maxDuration": duration(request.retry.cap),
                },
            }
    if options := policy.get("syncOptions"):
        sync["syncOptions"] = options
    operation["sync"] = sync
    return operation


def _result(item: ObjectResult) -> dict[str, Any]:
    """One object of the result; group and namespace stand there even when empty, as upstream requires."""
    status, hook_phase = _CODES[item.code]
    entry: dict[str, Any] = {
        "group": item.ref.group,
        "version": item.version,
        "kind": item.ref.kind,
        "namespace": item.ref.namespace,
        "name": item.ref.name,
        "status": status,
        "message": item.message or _MESSAGES.get(item.code, ""),
        "hookPhase": hook_phase,
        "syncPhase": (item.phase or Phase.SYNC).value,
    }
    if item.images:
        entry["images"] = list(item.images)
    return entry
