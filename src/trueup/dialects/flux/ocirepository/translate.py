"""`OCIRepository`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.dialect import Context, Translated
from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.repository.oci import SCHEME, OciRef, OciSpec
from trueup.dialects.decode import read
from trueup.dialects.flux.ocirepository.types import GROUP, KIND, Spec, verification_problems
from trueup.dialects.flux.source_declaration import Told, declared, refuse_logins, secret_of
from trueup.dialects.flux.source_status import source_status
from trueup.dialects.sync_options import UNKNOWN

ACCESS = "a private registry wants spec.secretRef to name a Secret of type kubernetes.io/dockerconfigjson"
EXTRACT = "extract"


def translate_artifact(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    found = read(body.get("spec"), Spec)
    spec = found.value
    told = Told(list(found.problems), [UNKNOWN.format(path) for path in found.unknown])
    _unsupported(spec, told.problems)

    def follow(timeout: float) -> OciSpec:
        given = spec.ref
        if given and given.semver_filter and not given.semver:
            told.warnings.append("spec.ref.semverFilter has no effect without spec.ref.semver, as in Flux")
        return OciSpec(
            url=spec.url,
            ref=OciRef(given.digest, given.semver, given.semver_filter, given.tag) if given else OciRef(),
            media_type=spec.layer_selector.media_type if spec.layer_selector else "",
            insecure=spec.insecure,
            timeout=timeout,
            signed=spec.verify is not None,
        )

    declaration = declared(body, (GROUP, KIND), spec, told, follow)
    certificates = secret_of(body, spec.cert_secret_ref)
    keys = secret_of(body, spec.verify.secret_ref) if spec.verify else None
    declaration = msgspec.structs.replace(declaration, certificates=certificates, keys=keys, access=ACCESS)
    return Translated(sources=(declaration,))


def _unsupported(spec: Spec, problems: list[str]) -> None:
    if spec.url and not spec.url.startswith(SCHEME):
        problems.append(f"spec.url: {spec.url!r} must begin with {SCHEME}")
    if spec.verify is not None:
        problems += verification_problems(spec.verify)
    refuse_logins(spec, problems)
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
