"""`Bucket`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.artifact import IgnoreRules
from trueup.core.model.dialect import Context, Translated
from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.core.repository.bucket import BucketSpec
from trueup.dialects.decode import read
from trueup.dialects.flux.bucket.types import GROUP, KIND, Spec
from trueup.dialects.flux.source_declaration import Told, declared, secret_of
from trueup.dialects.flux.source_status import source_status
from trueup.dialects.sync_options import UNKNOWN

ACCESS = "a private bucket wants spec.secretRef to name a Secret with the keys accesskey and secretkey"
GENERIC, AMAZON = "generic", "aws"


def translate_bucket(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    found = read(body.get("spec"), Spec)
    spec = found.value
    told = Told(list(found.problems), [UNKNOWN.format(path) for path in found.unknown])
    _unsupported(spec, told)

    def follow(timeout: float) -> BucketSpec:
        return BucketSpec(
            url=f"{'http' if spec.insecure else 'https'}://{spec.endpoint}/{spec.bucket_name}",
            endpoint=spec.endpoint,
            bucket=spec.bucket_name,
            region=spec.region,
            prefix=spec.prefix,
            ignore=spec.ignore,
            insecure=spec.insecure,
            timeout=timeout,
        )

    declaration = declared(body, (GROUP, KIND), spec, told, follow)
    # What is left out decides the revision, so it is left out of the listing already.
    declaration = msgspec.structs.replace(
        declaration, certificates=secret_of(body, spec.cert_secret_ref), access=ACCESS, ignore=IgnoreRules()
    )
    return Translated(sources=(declaration,))


def _unsupported(spec: Spec, told: Told) -> None:
    problems = told.problems
    if spec.provider not in ("", GENERIC, AMAZON):
        problems.append(
            f"spec.provider: {spec.provider!r} is not supported yet; "
            f"use {GENERIC} with a Secret where the store speaks S3 as well"
        )
    if spec.provider == AMAZON and spec.secret_ref is None:
        problems.append(
            f"spec.provider: {AMAZON} without spec.secretRef is not supported yet: keys of the machine or of a service "
            "account are not fetched; name a Secret with accesskey and secretkey"
        )
    if spec.sts is not None:
        problems.append("spec.sts is not supported yet: temporary keys are not fetched; use spec.secretRef")
    if spec.service_account_name:
        problems.append("spec.serviceAccountName is not supported yet; use spec.secretRef")
    if spec.access_from is not None:
        told.warnings.append("spec.accessFrom has no effect, as in Flux; it was dropped there with v1")


def bucket_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """Show which settings the artifact was made with."""
    status.pop("observedIgnore", None)
    if isinstance(spec.get("ignore"), str):
        status["observedIgnore"] = spec["ignore"]
