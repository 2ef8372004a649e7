"""The status of Flux' sources, whatever their kind: artifact, conditions and reasons in source-controller's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.artifact import UNSIGNED, Artifact, Fault, Revision
from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.repository.helm import CHART_NAME, VALUES_FILES
from trueup.dialects.adapter import NOTICES
from trueup.dialects.decode import mapping_of
from trueup.dialects.flux.conditions import (
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
from trueup.dialects.times import seconds, stamp

STATUS_MANAGER = "source-controller"
DEFAULT_INTERVAL = 60.0
DEFAULT_TIMEOUT = 60.0
LONGEST_TIMEOUT = 600.0
"""Seconds for one exchange with a server, whatever a source asks for: it holds a place that others of the host need."""
FETCH_FAILED, STORAGE_FAILED, BUILD_FAILED = "FetchFailed", "StorageOperationFailed", "BuildFailed"
VERIFIED = "SourceVerified"
IN_STORAGE, OUTDATED = "ArtifactInStorage", "ArtifactOutdated"
_OWNED = frozenset(
    {
        READY,
        RECONCILING,
        STALLED,
        NOTICES,
        FETCH_FAILED,
        STORAGE_FAILED,
        BUILD_FAILED,
        IN_STORAGE,
        OUTDATED,
        "IncludeUnavailable",
        VERIFIED,
    }
)


class SourceWords(msgspec.Struct, frozen=True):
    """What source-controller calls things of one kind: reasons by the fault's name, that of all others, and how it says
    that an artifact is stored.

    Faults in `building` are of what is made of what was fetched. `packed`: the artifact is told of as a chart.
    """

    reasons: Mapping[str, str]
    other: str
    stored: str
    building: frozenset[str] = frozenset()
    packed: bool = False


_SIGNATURES = {one.name: one.value for one in UNSIGNED}
_GIT = SourceWords(
    {"URL": "URLInvalid", "CREDENTIALS": "AuthenticationFailed", **_SIGNATURES},
    "GitOperationFailed",
    "stored artifact for revision",
)
_CHARTS = "HelmRepository"
_LAYER = "OCIArtifactLayerOperationFailed"
_WORDS = {
    "OCIRepository": SourceWords(
        {
            "URL": "URLInvalid",
            "CREDENTIALS": "AuthenticationFailed",
            "HOSTILE": _LAYER,
            "TOO_LARGE": _LAYER,
            **_SIGNATURES,
        },
        "OCIArtifactPullFailed",
        "stored artifact for digest",
    ),
    "Bucket": SourceWords(
        {"URL": "URLInvalid", "CREDENTIALS": "AuthenticationFailed"},
        "BucketOperationFailed",
        "stored artifact: revision",
    ),
    "HelmRepository": SourceWords(
        {
            "URL": "URLInvalid",
            "CREDENTIALS": "AuthenticationFailed",
            "HOSTILE": "IndexationFailed",
            "TOO_LARGE": "IndexationFailed",
        },
        "Failed",
        "stored artifact for revision",
    ),
    "HelmChart": SourceWords(
        {
            "URL": "InvalidChartReference",
            "REF": "InvalidChartReference",
            "CREDENTIALS": "AuthenticationFailed",
            "NOT_FOUND": "SourceUnavailable",
            "VALUES": "ValuesFilesError",
            "UNVERIFIED": "ChartVerificationError",
        },
        "ChartPullError",
        "",
        frozenset({"VALUES"}),
        packed=True,
    ),
}
CHART_PULLED, CHART_PACKAGED = "ChartPullSucceeded", "ChartPackageSucceeded"


def failure_reason(fault: Fault, kind: str = "") -> str:
    """Give Flux's word for what went wrong with a source of a kind."""
    words = _WORDS.get(kind, _GIT)
    return words.reasons.get(fault.name, words.other)


def duration_of(field: str, text: str, default: float, problems: list[str]) -> float:
    """Read a duration in seconds; one that cannot be read is a problem."""
    if not text:
        return default
    value = seconds(text)
    if value is None or value <= 0:
        problems.append(f"spec.{field}: {text!r} is no duration; write for example 1m or 90s")
        return default
    return value


def timeout_of(text: str, problems: list[str], warnings: list[str]) -> float:
    """Read how long one exchange with a server may take, in seconds."""
    timeout = duration_of("timeout", text, DEFAULT_TIMEOUT, problems)
    if timeout > LONGEST_TIMEOUT:
        warnings.append(f"spec.timeout: {text} is longer than is waited for; {LONGEST_TIMEOUT:.0f} s holds")
    return min(timeout, LONGEST_TIMEOUT)


Observe = Callable[[dict[str, Any], Mapping[str, Any]], None]
"""Shows in a status which settings the artifact was made with; takes the status and the spec."""


def source_status(body: Body, report: SourceReport, now: datetime, observe: Observe) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    before = mapping_of(body, "status")
    status: dict[str, Any] = dict(before)
    if report.handled:
        status["lastHandledReconcileAt"] = report.handled
    if not report.suspended:
        spec = mapping_of(body, "spec")
        artifact = report.artifact
        if artifact is not None:
            status["artifact"] = _artifact(artifact, report)
            observe(status, spec)
        conditions = [*_conditions(report, str(body.get("kind") or ""), spec), *notices_condition(report.notices)]
        status["conditions"] = written(conditions, before, report.generation, now, _OWNED)
        if report.stalled or (report.fault is None and artifact is not None and not report.progress):
            status["observedGeneration"] = report.generation
    if status == before:
        return None
    return StatusWrite(status, STATUS_MANAGER)


def _artifact(artifact: Artifact, report: SourceReport) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "digest": artifact.digest,
        "lastUpdateTime": stamp(artifact.updated),
        "path": artifact.path,
        "revision": shown_revision(artifact.revision),
        "size": artifact.size,
        "url": artifact.url,
    }
    if artifact.metadata:
        entry["metadata"] = dict(artifact.metadata)
    return entry


def shown_revision(revision: Revision) -> str:
    """Write a revision as source-controller does: a chart's is its version alone."""
    return revision.version or str(revision)


def stored_words(artifact: Artifact, kind: str, spec: Mapping[str, Any]) -> tuple[str, str]:
    """Give reason and words for an artifact that is stored."""
    words = _WORDS.get(kind, _GIT)
    if not words.packed:
        return SUCCEEDED, f"{words.stored} '{artifact.revision}'"
    files = artifact.metadata.get(VALUES_FILES, "").split()
    pulled = mapping_of(spec, "sourceRef").get("kind") == _CHARTS and not files
    name, version = artifact.metadata.get(CHART_NAME, ""), artifact.revision.version
    said = f"{'pulled' if pulled else 'packaged'} '{name}' chart with version '{version}'"
    merged = f" and merged values files [{' '.join(files)}]" if files else ""
    return (CHART_PULLED if pulled else CHART_PACKAGED), said + merged


def _conditions(report: SourceReport, kind: str, spec: Mapping[str, Any]) -> Iterable[Condition]:
    words = _WORDS.get(kind, _GIT)
    done, stored = stored_words(report.artifact, kind, spec) if report.artifact else ("", "")
    if report.artifact is not None:
        yield Condition(IN_STORAGE, "True", done, stored)
    fault = report.fault
    if report.verified and fault not in UNSIGNED:
        yield Condition(VERIFIED, "True", SUCCEEDED, report.verified)
    if fault is not None or report.stalled:
        reason = failure_reason(fault, kind) if fault is not None else "URLInvalid"
        message = report.message or reason
        if report.storing:
            reason = "ArchiveOperationFailed"
        failed = BUILD_FAILED if fault is not None and fault.name in words.building else FETCH_FAILED
        if fault in UNSIGNED:
            yield Condition(VERIFIED, "False", reason, message)
        else:
            yield Condition(STORAGE_FAILED if report.storing else failed, "True", reason, message)
        yield Condition(READY, "False", reason, message)
        if report.stalled:
            yield Condition(STALLED, "True", reason, message)
        else:
            yield Condition(RECONCILING, "True", PROGRESSING_WITH_RETRY, "reconciliation in progress")
        return
    if report.progress or report.artifact is None:
        doing = report.progress or "building artifact"
        yield Condition(RECONCILING, "True", PROGRESSING, doing)
        yield Condition(READY, "Unknown", PROGRESSING, doing)
        return
    yield Condition(READY, "True", done, stored)
