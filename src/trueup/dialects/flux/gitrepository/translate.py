"""`GitRepository`: translation to a source, and its status in Flux's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.dialect import Context, Translated
from trueup.core.model.git import GitRef, GitSpec, Verification
from trueup.core.model.objects import Body
from trueup.core.model.reports import SourceReport, StatusWrite
from trueup.dialects.decode import list_of, read
from trueup.dialects.flux.gitrepository.types import GROUP, KIND, Spec
from trueup.dialects.flux.source_declaration import Told, declared, refuse_logins, secret_of
from trueup.dialects.flux.source_status import source_status
from trueup.dialects.sync_options import UNKNOWN, leads_outside

ACCESS = "a private repository wants spec.secretRef to name a Secret with the keys username and password"

GITHUB = "github"
MODES = {
    "": Verification.HEAD,
    "head": Verification.HEAD,
    "HEAD": Verification.HEAD,
    "Tag": Verification.TAG,
    "TagAndHEAD": Verification.BOTH,
}


def translate_repository(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    found = read(body.get("spec"), Spec)
    spec = found.value
    told = Told(list(found.problems), [UNKNOWN.format(path) for path in found.unknown])
    _unsupported(spec, told)
    given = spec.ref

    def follow(timeout: float) -> GitSpec:
        return GitSpec(
            url=spec.url,
            # Flux's default is the branch master, not the remote's own default.
            ref=GitRef(given.commit, given.name, given.semver, given.tag, given.branch)
            if given and (given.commit or given.name or given.semver or given.tag or given.branch)
            else GitRef(branch="master"),
            submodules=spec.recurse_submodules,
            sparse=spec.sparse_checkout,
            timeout=timeout,
            app=spec.provider == GITHUB,
            verify=MODES.get(spec.verify.mode, Verification.BOTH) if spec.verify else Verification.NOTHING,
        )

    declaration = declared(body, (GROUP, KIND), spec, told, follow)
    keys = secret_of(body, spec.verify.secret_ref) if spec.verify else None
    return Translated(sources=(msgspec.structs.replace(declaration, access=ACCESS, keys=keys),))


def _unsupported(spec: Spec, told: Told) -> None:
    problems, warnings = told.problems, told.warnings
    if spec.verify is not None and spec.verify.mode not in MODES:
        known = ", ".join(mode for mode in MODES if mode)
        problems.append(f"spec.verify.mode: {spec.verify.mode!r} is none of {known}")
    if spec.include:
        problems.append("spec.include is not supported yet: bring the files together in one repository")
    if spec.provider != GITHUB:
        refuse_logins(spec, problems)
    elif spec.secret_ref is None:
        problems.append("spec.provider: github wants spec.secretRef to name a Secret with the keys of a GitHub App")
    elif spec.service_account_name:
        problems.append("spec.serviceAccountName is not supported yet; use spec.secretRef")
    if spec.access_from is not None:
        warnings.append("spec.accessFrom has no effect, as in Flux; it was dropped there with v1")
    if spec.git_implementation:
        warnings.append("spec.gitImplementation has no effect; it was dropped by Flux with v1")
    for path in spec.sparse_checkout:
        if leads_outside(path.lstrip("/")):
            problems.append(f"spec.sparseCheckout: {path!r} leads out of the repository")


def repository_status(body: Body, report: SourceReport, now: datetime) -> StatusWrite | None:
    """Write the status; `None`: there is nothing to change."""
    return source_status(body, report, now, _observed)


def _observed(status: dict[str, Any], spec: Mapping[str, Any]) -> None:
    """Show which settings the artifact was made with."""
    verify = spec.get("verify")
    status.pop("sourceVerificationMode", None)
    if isinstance(verify, Mapping) and verify.get("mode", "") in MODES:
        status["sourceVerificationMode"] = str(MODES[verify.get("mode", "")])
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
