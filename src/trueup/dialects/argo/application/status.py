"""An Application's status, in Argo CD's shape: `sync`, `health`, `resources`, `conditions`, `summary` and the rest.

Only what Argo CD's own clients read is written. Entries whose content stays keep their times, so that a status that
says the same is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from trueup.core.health import HealthStatus
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, InventoryEntry
from trueup.core.model.reports import ObjectReport, Reason, StatusWrite, SyncState, UnitPhase, UnitReport
from trueup.dialects.argo.application.history import history
from trueup.dialects.argo.application.operation import operation_state, refused_later, refused_state
from trueup.dialects.argo.application.requests import OPERATION, REFRESH, refresh_token, request_of
from trueup.dialects.argo.application.sources.shown import Shown
from trueup.dialects.argo.application.types import Spec
from trueup.dialects.decode import list_of, mapping_of, read, text_of, without_nulls
from trueup.dialects.sync_options import commit_of
from trueup.dialects.times import stamp

STATUS_MANAGER = "argocd-application-controller"
_SYNC = {SyncState.SYNCED: "Synced", SyncState.OUT_OF_SYNC: "OutOfSync", SyncState.UNKNOWN: "Unknown"}

_SPEC_ERRORS = frozenset({Reason.INVALID_SPEC, Reason.ACCESS_DENIED})
_COMPARISON_ERRORS = frozenset(
    {
        Reason.SOURCE_MISSING,
        Reason.SOURCE_FAILED,
        Reason.PATH_ABSENT,
        Reason.RENDER_FAILED,
        Reason.SUBSTITUTION_FAILED,
        Reason.EXPRESSION_INVALID,
    }
)
_WARNINGS = {
    "unknown-field": "UnknownFieldWarning",
    "unsupported": "UnsupportedFieldWarning",
    "shared-object": "SharedResourceWarning",
    "owned-by-other": "SharedResourceWarning",
    "repeated-object": "RepeatedResourceWarning",
    "duplicate-object": "RepeatedResourceWarning",
    "excluded-object": "ExcludedResourceWarning",
    "contested": "ContestedResourceWarning",
    "hook": "HookSkippedWarning",
    "pinned": "PinnedWarning",
    "not-taken-back": "RollbackWarning",
    "taken-over": "RollbackWarning",
    "group-returned": "RollbackWarning",
    "kept-by-return": "RollbackWarning",
    "job-not-repeated": "RollbackWarning",
    "proposed": "RevertProposed",
    "request-refused": "RollbackWarning",
}


def application_status(body: Body, report: UnitReport, now: datetime, home: str) -> StatusWrite | None:
    """Write the status, and remove the requests that were taken up; `None`: there is nothing to change."""
    if report.phase is UnitPhase.OBSERVED:
        return None
    before = mapping_of(body, "status")
    # Parts of the spec are repeated in the status, and a merge patch cannot hold a null.
    raw_spec = without_nulls(mapping_of(body, "spec"))
    spec = read(raw_spec, Spec).value
    request = request_of(body, spec, home=home)
    refused = request is not None and bool(request.refusal)
    taken_up = request is not None and (refused or request.operation.id == report.handled_operation)
    refreshed = bool(token := refresh_token(body)) and token == report.handled
    status = _status(body, before, raw_spec, report, now, home)
    if refused and request is not None:
        status["operationState"] = refused_state(body[OPERATION], request.refusal, now)
    drop_annotations = (REFRESH,) if refreshed and REFRESH in annotations_of(body) else ()
    drop_fields = (OPERATION,) if taken_up else ()
    if not drop_annotations and not drop_fields and _says_the_same(before, status):
        return None
    return StatusWrite(status, STATUS_MANAGER, False, drop_annotations, drop_fields)


def _says_the_same(before: Mapping[str, Any], status: dict[str, Any]) -> bool:
    """Compare without the time of the last comparison: it alone is no reason to write."""
    if before.get("reconciledAt") is None:
        return False
    return {**before, "reconciledAt": ""} == {**status, "reconciledAt": ""}


def _status(
    body: Body, before: Mapping[str, Any], spec: Mapping[str, Any], report: UnitReport, now: datetime, home: str
) -> dict[str, Any]:
    shown = Shown.of(spec)
    status: dict[str, Any] = {
        "sync": _sync(before, spec, shown, report),
        "health": _health(before, report, now),
        "resources": [_resource(item) for item in report.objects],
        "summary": {"images": sorted(set(report.images))} if report.images else {},
        "reconciledAt": stamp(report.compared or now),
        "controllerNamespace": home,
    }
    status |= shown.types(before, report)
    if conditions := _conditions(before, report, now):
        status["conditions"] = conditions
    if report.operation is not None and not refused_later(before, report.operation):
        status["operationState"] = operation_state(spec, shown, report.operation, report)
    elif (state := before.get("operationState")) is not None:
        status["operationState"] = state
    if report.history:
        status["history"] = history(before, spec, shown, report.history)
    elif (entries := before.get("history")) is not None:
        status["history"] = entries
    return status


def _sync(before: Mapping[str, Any], spec: Mapping[str, Any], shown: Shown, report: UnitReport) -> dict[str, Any]:
    state = sync_word(report)
    compared: dict[str, Any] = {"destination": spec.get("destination") or {}, **shown.sources}
    if spec.get("ignoreDifferences"):
        compared["ignoreDifferences"] = spec["ignoreDifferences"]
    revisions = shown.revisions(report.current, report.currents) or shown.known(mapping_of(before, "sync"))
    return {"status": state, "comparedTo": compared, **revisions}


def _health(before: Mapping[str, Any], report: UnitReport, now: datetime) -> dict[str, Any]:
    known = mapping_of(before, "health")
    status = health_word(report, text_of(known, "status"))
    since = text_of(known, "lastTransitionTime") if known.get("status") == status else ""
    return {"status": status, "lastTransitionTime": since or stamp(now)}


def sync_word(report: UnitReport) -> str:
    """Give Argo CD's word for whether what lives is what Git says."""
    return "OutOfSync" if report.phase is UnitPhase.HELD else _SYNC[report.sync]


def health_word(report: UnitReport, known: str) -> str:
    """Give Argo CD's word for the health; what is `known` of before stays where nothing can be said."""
    if report.health is not None:
        return report.health.status.value
    if report.reason in _SPEC_ERRORS:
        return HealthStatus.UNKNOWN.value
    if report.phase in (UnitPhase.SETTLED, UnitPhase.OUT_OF_SYNC):
        return HealthStatus.HEALTHY.value
    if report.reason in _COMPARISON_ERRORS:
        return known or HealthStatus.UNKNOWN.value
    return known or HealthStatus.PROGRESSING.value


def _resource(item: ObjectReport) -> dict[str, Any]:
    """One entry of `resources`; as upstream has it, what is empty is left out."""
    ref = item.ref
    entry: dict[str, Any] = {"version": item.version, "kind": ref.kind, "name": ref.name, "status": _SYNC[item.sync]}
    if ref.group:
        entry["group"] = ref.group
    if ref.namespace:
        entry["namespace"] = ref.namespace
    if item.health is not None:
        entry["health"] = {"status": item.health.status.value}
        if item.health.message:
            entry["health"]["message"] = item.health.message
    if item.hook:
        entry["hook"] = True
    if item.requires_pruning:
        entry["requiresPruning"] = True
    if item.wave:
        entry["syncWave"] = item.wave
    if item.confirm:
        entry["requiresDeletionConfirmation"] = True
    return entry


def _conditions(before: Mapping[str, Any], report: UnitReport, now: datetime) -> list[dict[str, Any]]:
    """All conditions; one that was there with the same words keeps its time."""
    known = {
        (text_of(item, "type"), text_of(item, "message")): text_of(item, "lastTransitionTime")
        for item in list_of(before, "conditions")
    }
    return [
        {"type": kind, "message": message, "lastTransitionTime": known.get((kind, message)) or stamp(now)}
        for kind, message in dict.fromkeys(_said(report))
    ]


def _said(report: UnitReport) -> Iterable[tuple[str, str]]:
    message = report.message or report.reason.value
    if report.held is not None:
        yield "SyncError", _held_back(report)
    elif report.phase is UnitPhase.DELETING:
        if report.reason is Reason.DELETION_FAILED:
            yield "DeletionError", message
        elif report.message:
            yield "DeletionWarning", f"it is being deleted: {message}"
    elif report.phase is UnitPhase.FAILED or report.stalled:
        if report.reason in _SPEC_ERRORS:
            yield "InvalidSpecError", message
        elif report.reason in _COMPARISON_ERRORS:
            yield "ComparisonError", message
        elif report.reason is Reason.INTERNAL:
            yield "UnknownError", message
        elif report.reason is not Reason.UNHEALTHY:
            yield (
                "SyncError",
                f"Failed sync attempt to {_commits(report.attempted or report.current, report.currents)}: {message}",
            )
    for notice in report.notices:
        yield _WARNINGS.get(notice.code, "Warning"), notice.message


def error_conditions(report: UnitReport) -> tuple[tuple[str, str], ...]:
    """Give type and message of the conditions that are errors."""
    return tuple((kind, message) for kind, message in _said(report) if kind.endswith("Error"))


def _held_back(report: UnitReport) -> str:
    held = report.held
    if held is None:
        return report.message
    said = report.message if report.phase is UnitPhase.HELD and report.message else held.words
    runs = _commits(held.returned_to, held.returned_revisions)
    back = f"; it runs {runs} again" if held.returned_to and not held.stopped else ""
    return f"Failed sync attempt to {_commits(held.revision, held.revisions)}: {said}{back}"


def _commits(one: str, several: tuple[str, ...]) -> str:
    """Name a revision, or those of several sources as upstream does."""
    return f"[{' '.join(map(commit_of, several))}]" if several else commit_of(one)


def reported_objects(body: Body) -> Iterator[InventoryEntry]:
    """Read the resources of a status, without hooks; what is no resource is passed over."""
    for item in list_of(mapping_of(body, "status"), "resources"):
        if isinstance(item, Mapping) and item.get("hook") is not True and item.get("kind") and item.get("name"):
            group, kind, namespace, name = (text_of(item, key) for key in ("group", "kind", "namespace", "name"))
            yield InventoryEntry(group, kind, namespace, name, text_of(item, "version"))


def application_ready(body: Body) -> bool:
    """Say whether an Application is Synced and Healthy."""
    status = mapping_of(body, "status")
    return (
        mapping_of(status, "sync").get("status") == "Synced" and mapping_of(status, "health").get("status") == "Healthy"
    )
