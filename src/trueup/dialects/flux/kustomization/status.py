"""A Kustomization's status, in Flux's shape: conditions, revisions, inventory, history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.objects import Body, Inventory, InventoryEntry
from trueup.core.model.reports import Notice, Reason, StatusWrite, UnitPhase, UnitReport
from trueup.core.model.state import HistoryEntry
from trueup.dialects.adapter import NOTICES
from trueup.dialects.decode import list_of, mapping_of, number_of, text_of
from trueup.dialects.flux.conditions import (
    HEALTHY,
    PROGRESSING,
    PROGRESSING_WITH_RETRY,
    READY,
    RECONCILING,
    STALLED,
    SUCCEEDED,
    Condition,
    notices_condition,
    written,
)
from trueup.dialects.times import duration, parsed_time, restamped

STATUS_MANAGER = "gotk-kustomize-controller"
_OWNED = frozenset({READY, RECONCILING, STALLED, HEALTHY, NOTICES})
_HISTORY = 5
_RECONCILED = "ReconciliationSucceeded"
_OUTCOMES = {"good": _RECONCILED, "sick": "HealthCheckFailed", "failed": "ReconciliationFailed"}

REASONS = {
    Reason.SUCCEEDED: _RECONCILED,
    Reason.PROGRESSING: PROGRESSING,
    Reason.SUSPENDED: "Suspended",
    Reason.INVALID_SPEC: "BuildFailed",
    Reason.ACCESS_DENIED: "AccessDenied",
    Reason.DEPENDENCY_NOT_READY: "DependencyNotReady",
    Reason.SOURCE_MISSING: "ArtifactFailed",
    Reason.SOURCE_NOT_READY: "ArtifactFailed",
    Reason.SOURCE_FAILED: "ArtifactFailed",
    Reason.PATH_ABSENT: "ArtifactFailed",
    Reason.RENDER_FAILED: "BuildFailed",
    Reason.SUBSTITUTION_FAILED: "BuildFailed",
    Reason.EXPRESSION_INVALID: "InvalidCELExpression",
    Reason.REFUSED: "ReconciliationFailed",
    Reason.PRUNE_FAILED: "PruneFailed",
    Reason.UNHEALTHY: "HealthCheckFailed",
    Reason.CANCELED: "HealthCheckCanceled",
    Reason.DELETION_FAILED: "PruneFailed",
    Reason.INTERNAL: "ReconciliationFailed",
}
"""Flux's word for each reason."""

_DOING = {
    UnitPhase.RENDERING: "Building manifests for revision {} with a timeout of {}",
    UnitPhase.APPLYING: "Detecting drift for revision {} with a timeout of {}",
    UnitPhase.CHECKING: "Running health checks for revision {} with a timeout of {}",
}


def kustomization_status(body: Body, report: UnitReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    if report.phase is UnitPhase.OBSERVED:
        return None
    before = mapping_of(body, "status")
    status: dict[str, Any] = dict(before)
    if report.handled:
        status["lastHandledReconcileAt"] = report.handled
    still = report.phase is UnitPhase.SUSPENDED or (
        report.phase is UnitPhase.DELETING and report.reason is not Reason.DELETION_FAILED
    )
    if not still:
        conditions = [*_conditions(before, report), *notices_condition(_untold(report))]
        status["conditions"] = written(conditions, before, report.generation, now, _OWNED)
        if report.phase is UnitPhase.SETTLED or report.stalled or report.phase is UnitPhase.HELD:
            status["observedGeneration"] = report.generation
        _revisions(status, report)
    if status == before:
        return None
    return StatusWrite(status, STATUS_MANAGER)


def _revisions(status: dict[str, Any], report: UnitReport) -> None:
    if report.attempted:
        status["lastAttemptedRevision"] = report.attempted
    if report.applied:
        status["lastAppliedRevision"] = report.applied
    if report.inventory.entries or report.phase is UnitPhase.SETTLED:
        status["inventory"] = {"entries": inventory_entries(report.inventory)}
    if report.history:
        status["history"] = _history(status, report.history)


def _conditions(before: Mapping[str, Any], report: UnitReport) -> Iterable[Condition]:
    reason = REASONS[report.reason]
    message = report.message or reason
    phase = report.phase
    if phase is UnitPhase.SETTLED:
        yield Condition(READY, "True", _RECONCILED, _applied(report))
        if report.gated:
            yield _healthy(before, report)
        return
    if phase in _DOING:
        doing = _DOING[phase].format(report.current or report.attempted, duration(report.timeout))
        awaited = f": {report.message}" if phase is UnitPhase.CHECKING and report.message else ""
        yield Condition(RECONCILING, "True", PROGRESSING, doing + awaited)
        yield Condition(READY, "Unknown", PROGRESSING, "Reconciliation in progress")
        if report.gated and phase is UnitPhase.CHECKING:
            yield Condition(HEALTHY, "Unknown", PROGRESSING, doing)
        elif report.gated:
            yield from _kept(before, HEALTHY)
        return
    if phase is UnitPhase.WAITING and report.reason is Reason.PROGRESSING:
        yield Condition(RECONCILING, "True", PROGRESSING, message)
        yield Condition(READY, "Unknown", PROGRESSING, "Reconciliation in progress")
        return
    if phase is UnitPhase.HELD:
        # Nothing more is tried until somebody changes something: that is what Stalled says to kstatus.
        reason = REASONS[Reason.UNHEALTHY] if report.reason is Reason.SUCCEEDED else reason
        message = _held_back(report)
        yield Condition(STALLED, "True", reason, message)
    elif report.stalled:
        yield Condition(STALLED, "True", reason, message)
    elif phase is UnitPhase.FAILED:
        doing = _DOING[UnitPhase.RENDERING].format(report.current or report.attempted, duration(report.timeout))
        yield Condition(RECONCILING, "True", PROGRESSING_WITH_RETRY, doing)
    yield Condition(READY, "False", reason, message)
    if report.gated:
        if report.reason is Reason.UNHEALTHY:
            yield Condition(HEALTHY, "False", REASONS[Reason.UNHEALTHY], message)
        else:
            yield from _kept(before, HEALTHY)


def _untold(report: UnitReport) -> tuple[Notice, ...]:
    """Give the notices that Ready does not tell already."""
    told = report.message if report.phase is not UnitPhase.SETTLED else ""
    return tuple(notice for notice in report.notices if notice.message not in told)


def _applied(report: UnitReport) -> str:
    pin = f"; {report.pin.words}" if report.pin else ""
    return f"Applied revision: {report.applied or report.current}{pin}"


def _healthy(before: Mapping[str, Any], report: UnitReport) -> Condition:
    """Say that the health gate was passed; a check that was passed before keeps its words, and so its time."""
    for item in _kept(before, HEALTHY):
        if item.status == "True" and text_of(before, "lastAppliedRevision") == report.applied:
            return item
    return Condition(HEALTHY, "True", SUCCEEDED, f"Health check passed in {duration(report.checked_for)}")


def _kept(before: Mapping[str, Any], kind: str) -> Iterable[Condition]:
    for item in list_of(before, "conditions"):
        if isinstance(item, Mapping) and item.get("type") == kind:
            yield Condition(kind, *(text_of(item, field) for field in ("status", "reason", "message")))


def _held_back(report: UnitReport) -> str:
    held = report.held
    if held is None:
        return report.message or "the last revision is held back"
    back = f"; revision {held.returned_to} runs again" if held.returned_to and not held.stopped else ""
    return f"Revision {held.revision} is held back: {report.message or held.words}{back}"


def inventory_entries(inventory: Inventory) -> list[dict[str, str]]:
    """Write an inventory: `<namespace>_<name>_<group>_<kind>` and the version."""
    return [
        {"id": object_id(entry.namespace, entry.name, entry.group, entry.kind), "v": entry.version}
        for entry in inventory.entries
    ]


def object_id(namespace: str, name: str, group: str, kind: str) -> str:
    """Name an object in an inventory; a colon, which RBAC's names may have, is written as two underscores."""
    return f"{namespace}_{name.replace(':', '__')}_{group}_{kind}"


def reported_objects(body: Body) -> Iterator[InventoryEntry]:
    """Read the inventory of a status; what is no entry is passed over."""
    inventory = mapping_of(mapping_of(body, "status"), "inventory")
    for item in list_of(inventory, "entries"):
        if not isinstance(item, Mapping):
            continue
        rest, _, kind = text_of(item, "id").rpartition("_")
        rest, _, group = rest.rpartition("_")
        namespace, separator, name = rest.partition("_")
        if separator and kind and name:
            yield InventoryEntry(group, kind, namespace, name.replace("__", ":"), text_of(item, "v"))


def _history(before: Mapping[str, Any], deployments: tuple[HistoryEntry, ...]) -> list[dict[str, Any]]:
    """Write the last deployments, the newest first, as Flux has them: one entry for each digest."""
    known = {text_of(item, "digest"): item for item in list_of(before, "history")}
    entries: dict[str, dict[str, Any]] = {}
    for item in reversed(deployments):
        digest = item.digest if ":" in item.digest else f"blake2b:{item.digest}"
        if digest in entries:
            entry = entries[digest]
            entry["firstReconciled"] = restamped(item.started_at)
            entry["totalReconciliations"] += item.count
            continue
        if len(entries) == _HISTORY:
            continue
        begun, ended = parsed_time(item.started_at), parsed_time(item.finished_at)
        took = duration((ended - begun).total_seconds()) if begun and ended and item.count == 1 else ""
        entries[digest] = {
            "digest": digest,
            "firstReconciled": restamped(item.started_at),
            "lastReconciled": restamped(item.finished_at),
            "lastReconciledDuration": took or text_of(known.get(digest), "lastReconciledDuration") or "0s",
            "lastReconciledStatus": _OUTCOMES.get(item.outcome, "ReconciliationFailed"),
            "totalReconciliations": item.count,
            "metadata": {"revision": item.revision},
        }
    return list(entries.values())


def kustomization_ready(body: Body) -> bool:
    """Say whether a Kustomization is ready and has observed its own generation."""
    status = mapping_of(body, "status")
    return number_of(mapping_of(body, "metadata"), "generation") == number_of(status, "observedGeneration", -1) and any(
        item.status == "True" for item in _kept(status, READY)
    )
