"""`GitRepository`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.artifact import IgnoreRules
from trueup.core.model.dialect import Context, Translated, annotations_of
from trueup.core.model.git import GitRef, GitSpec
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.dialects.decode import list_of, mapping_of, metadata_of, number_of, read, text_of
from trueup.dialects.flux.gitrepository.types import GROUP, KIND, Spec
from trueup.dialects.flux.kustomization.translate import REQUESTED_AT
from trueup.dialects.flux.source_status import DEFAULT_INTERVAL, duration_of, source_status, timeout_of
from trueup.dialects.sync_options import UNKNOWN, leads_outside
from trueup.dialects.times import LEAST_PAUSE

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
    interval = max(duration_of("interval", spec.interval, DEFAULT_INTERVAL, problems), LEAST_PAUSE)
    timeout = timeout_of(spec.timeout, problems, warnings)
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


def repository_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


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
