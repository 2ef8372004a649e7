"""`OCIRepository`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trueup.core.model.artifact import IgnoreRules
from trueup.core.model.dialect import Context, Translated, annotations_of
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.model.unit import SourceDeclaration, ValueRef
from trueup.core.repository.oci import SCHEME, OciRef, OciSpec
from trueup.dialects.decode import mapping_of, metadata_of, number_of, read, text_of
from trueup.dialects.flux.kustomization.translate import REQUESTED_AT
from trueup.dialects.flux.kustomization.types import LocalRef
from trueup.dialects.flux.ocirepository.types import GROUP, KIND, Spec
from trueup.dialects.flux.source_status import DEFAULT_INTERVAL, duration_of, source_status, timeout_of
from trueup.dialects.sync_options import UNKNOWN
from trueup.dialects.times import LEAST_PAUSE

ACCESS = "a private registry wants spec.secretRef to name a Secret of type kubernetes.io/dockerconfigjson"
EXTRACT = "extract"


def translate_artifact(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    metadata = metadata_of(body)
    namespace = text_of(metadata, "namespace")
    found = read(body.get("spec"), Spec)
    spec = found.value
    problems, warnings = list(found.problems), [UNKNOWN.format(path) for path in found.unknown]
    _unsupported(spec, problems)
    interval = max(duration_of("interval", spec.interval, DEFAULT_INTERVAL, problems), LEAST_PAUSE)
    timeout = timeout_of(spec.timeout, problems, warnings)
    given = spec.ref
    if given and given.semver_filter and not given.semver:
        warnings.append("spec.ref.semverFilter has no effect without spec.ref.semver, as in Flux")

    def secret(ref: LocalRef | None) -> ValueRef | None:
        return ValueRef("Secret", namespace, ref.name) if ref else None

    declaration = SourceDeclaration(
        ref=ObjectRef(GROUP, KIND, namespace, text_of(metadata, "name")),
        uid=text_of(metadata, "uid"),
        generation=number_of(metadata, "generation"),
        spec=OciSpec(
            url=spec.url,
            ref=OciRef(given.digest, given.semver, given.semver_filter, given.tag) if given else OciRef(),
            media_type=spec.layer_selector.media_type if spec.layer_selector else "",
            insecure=spec.insecure,
            timeout=timeout,
        ),
        credentials=secret(spec.secret_ref),
        proxy=secret(spec.proxy_secret_ref),
        certificates=secret(spec.cert_secret_ref),
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


def _unsupported(spec: Spec, problems: list[str]) -> None:
    if spec.url and not spec.url.startswith(SCHEME):
        problems.append(f"spec.url: {spec.url!r} must begin with {SCHEME}")
    if spec.verify is not None:
        problems.append("spec.verify is not supported yet: signatures cannot be verified, so nothing is fetched")
    if spec.provider not in ("", "generic"):
        problems.append(f"spec.provider: {spec.provider!r} is not supported yet; use a Secret with provider generic")
    if spec.service_account_name:
        problems.append("spec.serviceAccountName is not supported yet; use spec.secretRef")
    operation = spec.layer_selector.operation if spec.layer_selector else ""
    if operation not in ("", EXTRACT):
        problems.append(f"spec.layerSelector.operation: {operation!r} is not supported yet; use {EXTRACT}")


def artifact_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """Show which settings the artifact was made with."""
    ignore, selector = spec.get("ignore"), spec.get("layerSelector")
    status.pop("observedIgnore", None)
    status.pop("observedLayerSelector", None)
    if isinstance(ignore, str):
        status["observedIgnore"] = ignore
    if isinstance(selector, Mapping) and selector:
        status["observedLayerSelector"] = {key: value for key, value in selector.items() if value is not None}
