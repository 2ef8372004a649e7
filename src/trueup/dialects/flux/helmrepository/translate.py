"""`HelmRepository`: translation to a source, and its status in Flux's shape.

One of type `oci` is read by charts alone: it is no source by itself, and has no status, as upstream has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.artifact import IgnoreRules
from trueup.core.model.dialect import Context, Translated
from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.repository.helm import HelmSpec
from trueup.core.repository.oci import SCHEME
from trueup.dialects.decode import read
from trueup.dialects.flux.helmrepository.types import DEFAULT, GROUP, KIND, OCI, Spec
from trueup.dialects.flux.source_declaration import Told, declared, refuse_logins, secret_of
from trueup.dialects.flux.source_status import source_status
from trueup.dialects.sync_options import UNKNOWN

ACCESS = "a private repository wants spec.secretRef to name a Secret with the keys username and password"


def translate_helm_repository(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    found = read(body.get("spec"), Spec)
    spec = found.value
    if spec.type == OCI:
        return Translated()
    told = Told(list(found.problems), [UNKNOWN.format(path) for path in found.unknown])
    told.problems.extend(repository_problems(spec))
    if spec.insecure:
        told.warnings.append("spec.insecure has no effect without type oci, as in Flux")
    if spec.access_from is not None:
        told.warnings.append("spec.accessFrom has no effect, as in Flux")

    def follow(timeout: float) -> HelmSpec:
        return HelmSpec(spec.url, timeout=timeout)

    declaration = declared(body, (GROUP, KIND), spec, told, follow)
    certificates = secret_of(body, spec.cert_secret_ref)
    declaration = msgspec.structs.replace(declaration, certificates=certificates, access=ACCESS, ignore=IgnoreRules())
    return Translated(sources=(declaration,))


def repository_problems(spec: Spec) -> list[str]:
    """Name what of a repository cannot be done, for it and for the charts that are in it."""
    problems: list[str] = []
    refuse_logins(spec, problems)
    if spec.type not in ("", DEFAULT, OCI):
        problems.append(f"spec.type: {spec.type!r} must be {DEFAULT} or {OCI}")
    registry = spec.url.startswith(SCHEME)
    if spec.url and registry != (spec.type == OCI):
        wanted = f"{SCHEME}…" if spec.type == OCI else "https://… (a registry wants spec.type: oci)"
        problems.append(f"spec.url: {spec.url!r} must be {wanted}")
    return problems


def helm_repository_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """An index is made with no settings."""
