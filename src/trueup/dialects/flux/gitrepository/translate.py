"""`GitRepository`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.artifact import Artifact, Fault, IgnoreRules
from trueup.core.model.dialect import Context, Translated, annotations_of
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.dialects.adapter import NOTICES
from trueup.dialects.decode import list_of, mapping_of, metadata_of, number_of, read, text_of
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
from trueup.dialects.flux.gitrepository.types import GROUP, KIND, Spec
from trueup.dialects.flux.kustomization.translate import REQUESTED_AT
from trueup.dialects.sync_options import UNKNOWN, leads_outside
from trueup.dialects.times import LEAST_PAUSE, seconds, stamp

STATUS_MANAGER = "source-controller"
DEFAULT_INTERVAL = 60.0
DEFAULT_TIMEOUT = 60.0
LONGEST_TIMEOUT = 600.0
"""Seconds for one exchange with a server, whatever a source asks for: it holds a place that others of the host need."""
FETCH_FAILED, STORAGE_FAILED = "FetchFailed", "StorageOperationFailed"
IN_STORAGE, OUTDATED = "ArtifactInStorage", "ArtifactOutdated"
_OWNED = frozenset(
    {
        READY,
        RECONCILING,
        STALLED,
        NOTICES,
        FETCH_FAILED,
        STORAGE_FAILED,
        IN_STORAGE,
        OUTDATED,
        "IncludeUnavailable",
        "SourceVerified",
    }
)
_REASONS = {"URL": "URLInvalid", "CREDENTIALS": "AuthenticationFailed"}


def failure_reason(fault: Fault) -> str:
    """Give Flux's word for what went wrong with a source."""
    return _REASONS.get(fault.name, "GitOperationFailed")


"""Upstream's word for a fault, by its name; everything else is a failed Git operation to it."""


ACCESS = "a private repository wants spec.secretRef to name a Secret with the keys username and password"


def translate_repository(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    metadata = metadata_of(body)
    namespace = text_of(metadata, "namespace")
    found = read(body.get("spec"), Spec)
    spec = found.value
    problems, warnings = list(found.problems), [UNKNOWN.format(path) for path in found.unknown]
    if spec.verify is not None:
        problems.append("spec.verify is not supported yet: signatures cannot be verified, so nothing is fetched")
    if spec.recurse_submodules:
        problems.append(
            "spec.recurseSubmodules is not supported yet: submodules are not fetched, so nothing is delivered; make a "
            "GitRepository of each"
        )
    if spec.include:
        problems.append("spec.include is not supported yet: bring the files together in one repository")
    if spec.provider not in ("", "generic"):
        problems.append(f"spec.provider: {spec.provider!r} is not supported yet; use a Secret with provider generic")
    if spec.service_account_name:
        problems.append("spec.serviceAccountName is not supported yet; use spec.secretRef")
    if spec.access_from is not None:
        warnings.append("spec.accessFrom has no effect, as in Flux; it was dropped there with v1")
    if spec.git_implementation:
        warnings.append("spec.gitImplementation has no effect; it was dropped by Flux with v1")
    for path in spec.sparse_checkout:
        if leads_outside(path.lstrip("/")):
            problems.append(f"spec.sparseCheckout: {path!r} leads out of the repository")
    interval = max(_duration("interval", spec.interval, DEFAULT_INTERVAL, problems), LEAST_PAUSE)
    timeout = _duration("timeout", spec.timeout, DEFAULT_TIMEOUT, problems)
    if timeout > LONGEST_TIMEOUT:
        warnings.append(f"spec.timeout: {spec.timeout} is longer than is waited for; {LONGEST_TIMEOUT:.0f} s holds")
        timeout = LONGEST_TIMEOUT
    given = spec.ref
    declaration = SourceDeclaration(
        ref=ObjectRef(GROUP, KIND, namespace, text_of(metadata, "name")),
        uid=text_of(metadata, "uid"),
        generation=number_of(metadata, "generation"),
        spec=GitSpec(
            url=spec.url,
            # Flux's default is the branch master, not the remote's own default.
            ref=GitRef(given.commit, given.name, given.semver, given.tag, given.branch)
            if given and (given.commit or given.name or given.semver or given.tag or given.branch)
            else GitRef(branch="master"),
            submodules=spec.recurse_submodules,
            sparse=spec.sparse_checkout,
            timeout=timeout,
        ),
        credentials=ValueRef("Secret", namespace, spec.secret_ref.name) if spec.secret_ref else None,
        proxy=ValueRef("Secret", namespace, spec.proxy_secret_ref.name) if spec.proxy_secret_ref else None,
        interval=interval,
        timeout=timeout,
        suspended=spec.suspend,
        ignore=IgnoreRules(True, spec.ignore),
        artifact=True,
        requested=annotations_of(body).get(REQUESTED_AT, ""),
        remembered=text_of(mapping_of(mapping_of(body, "status"), "artifact"), "revision"),
        access=ACCESS,
        problems=tuple(problems),
        warnings=tuple(warnings),
    )
    return Translated(sources=(declaration,))


def _duration(field: str, text: str, default: float, problems: list[str]) -> float:
    if not text:
        return default
    value = seconds(text)
    if value is None or value <= 0:
        problems.append(f"spec.{field}: {text!r} is no duration; write for example 1m or 90s")
        return default
    return value


def repository_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
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
            _observed(status, spec)
        conditions = [*_conditions(report), *notices_condition(report.notices)]
        status["conditions"] = written(conditions, before, report.generation, now, _OWNED)
        if report.stalled or (report.fault is None and artifact is not None and not report.progress):
            status["observedGeneration"] = report.generation
    if status == before:
        return None
    return StatusWrite(status, STATUS_MANAGER)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """Show which settings the artifact was made with."""
    for field, name in (
        ("ignore", "observedIgnore"),
        ("recurseSubmodules", "observedRecurseSubmodules"),
        ("sparseCheckout", "observedSparseCheckout"),
    ):
        value = spec.get(field)
        if value or (field == "ignore" and isinstance(value, str)):
            status[name] = list_of(spec, field) if field == "sparseCheckout" else value
        else:
            status.pop(name, None)


def _artifact(artifact: Artifact, report: SourceReport) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "digest": artifact.digest,
        "lastUpdateTime": stamp(artifact.updated),
        "path": artifact.path,
        "revision": str(artifact.revision),
        "size": artifact.size,
        "url": artifact.url,
    }
    if artifact.metadata:
        entry["metadata"] = dict(artifact.metadata)
    return entry


def _conditions(report: SourceReport) -> Iterable[Condition]:
    stored = f"stored artifact for revision '{report.artifact.revision}'" if report.artifact else ""
    if report.artifact is not None:
        yield Condition(IN_STORAGE, "True", SUCCEEDED, stored)
    fault = report.fault
    if fault is not None or report.stalled:
        reason = failure_reason(fault) if fault is not None else "URLInvalid"
        message = report.message or reason
        if report.storing:
            reason = "ArchiveOperationFailed"
        yield Condition(STORAGE_FAILED if report.storing else FETCH_FAILED, "True", reason, message)
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
    yield Condition(READY, "True", SUCCEEDED, stored)
