"""`HelmChart`: translation to a source, which takes the URL and credentials of the source that it names."""

from __future__ import annotations

import msgspec

from trueup.core.model.artifact import IgnoreRules, SourceSpec
from trueup.core.model.dialect import Context, Translated
from trueup.core.model.objects import Body, ObjectRef
from trueup.core.model.unit import SourceDeclaration
from trueup.core.repository.helm import HelmSpec, PackagedSpec
from trueup.dialects.decode import metadata_of, read, text_of
from trueup.dialects.flux.gitrepository import types as git
from trueup.dialects.flux.gitrepository.translate import translate_repository
from trueup.dialects.flux.helmchart.types import BY_REVISION, BY_VERSION, GROUP, KIND, Spec
from trueup.dialects.flux.helmrepository import types as repository
from trueup.dialects.flux.helmrepository.translate import ACCESS, repository_problems
from trueup.dialects.flux.ocirepository.types import verification_problems
from trueup.dialects.flux.source_declaration import Told, declared, secret_of
from trueup.dialects.flux.source_status import timeout_of
from trueup.dialects.sync_options import UNKNOWN, folder, leads_outside

READ = ((repository.GROUP, repository.KIND), (git.GROUP, git.KIND))
"""The kinds of sources that charts may lie in."""


def translate_chart(body: Body, context: Context) -> Translated:
    """Translate; whatever cannot be done becomes a problem that names its field."""
    found = read(body.get("spec"), Spec)
    spec = found.value
    told = Told(list(found.problems), [UNKNOWN.format(path) for path in found.unknown])
    _unsupported(spec, told)
    ref = ObjectRef(GROUP, spec.source_ref.kind, text_of(metadata_of(body), "namespace"), spec.source_ref.name)
    given = context.others.get(ref)
    if ref.kind == git.KIND:
        follow = _in_git(spec, ref, given, context, told)
    else:
        follow = _in_repository(spec, ref, given, told)
    own = declared(body, (GROUP, KIND), spec, told, lambda timeout: follow.spec)
    return Translated(
        sources=(
            msgspec.structs.replace(
                own,
                credentials=follow.credentials,
                proxy=follow.proxy,
                certificates=follow.certificates,
                timeout=follow.timeout,
                ignore=IgnoreRules(),
                access=follow.access,
                keys=secret_of(body, spec.verify.secret_ref) if spec.verify else follow.keys,
            ),
        )
    )


def _in_repository(spec: Spec, ref: ObjectRef, given: Body | None, told: Told) -> SourceDeclaration:
    """Give what is followed of a HelmRepository."""
    if given is None:
        return _source(ref, HelmSpec("", spec.chart, missing=_missing(ref)))
    known = read(given.get("spec"), repository.Spec)
    wanted = known.value
    problems = [*known.problems, *repository_problems(wanted)]
    timeout = timeout_of(wanted.timeout, problems, [])
    if problems:
        # The repository says the same of itself; the chart is tried again once it is another.
        return _source(ref, HelmSpec("", spec.chart, missing=f"{ref} cannot be used: {'; '.join(problems)}"))
    followed = HelmSpec(
        url=wanted.url,
        chart=spec.chart,
        version=spec.version,
        values_files=spec.files,
        ignore_missing=spec.ignore_missing_values_files,
        pass_credentials=wanted.pass_credentials,
        insecure=wanted.insecure,
        timeout=timeout,
        signed=spec.verify is not None,
    )
    if followed.signed and not followed.registry:
        told.problems.append("spec.verify: only charts in a registry (a HelmRepository of type oci) can be verified")
    return msgspec.structs.replace(
        _source(ref, followed),
        credentials=secret_of(given, wanted.secret_ref),
        certificates=secret_of(given, wanted.cert_secret_ref),
        timeout=timeout,
        access=ACCESS,
    )


def _in_git(spec: Spec, ref: ObjectRef, given: Body | None, context: Context, told: Told) -> SourceDeclaration:
    """Give what is followed of a GitRepository."""
    if given is None:
        return _source(ref, HelmSpec("", spec.chart, missing=_missing(ref)))
    known = translate_repository(given, context).sources[0]
    if known.problems:
        return _source(ref, HelmSpec("", spec.chart, missing=f"{ref} cannot be used: {'; '.join(known.problems)}"))
    for path in (spec.chart, *spec.files):
        if leads_outside(path.lstrip("/")):
            told.problems.append(f"{path!r} leads out of the repository")
    followed = PackagedSpec(
        url=known.spec.url,
        source=known.spec,
        ignore=known.ignore,
        path=folder(spec.chart),
        by_revision=spec.reconcile_strategy == BY_REVISION,
        values_files=tuple(folder(path) for path in spec.files),
        ignore_missing=spec.ignore_missing_values_files,
    )
    return msgspec.structs.replace(known, spec=followed)


def _source(ref: ObjectRef, spec: SourceSpec) -> SourceDeclaration:
    return SourceDeclaration(ref, "", 0, spec)


def _missing(ref: ObjectRef) -> str:
    return f"failed to get source: {ref} is not there; create it, or name another source in spec.sourceRef"


def _unsupported(spec: Spec, told: Told) -> None:
    problems = told.problems
    kinds = [kind for _, kind in READ]
    if spec.source_ref.kind and spec.source_ref.kind not in kinds:
        known = " or ".join(kinds)
        problems.append(f"spec.sourceRef: kind {spec.source_ref.kind} is not supported yet; use a {known}")
    if spec.reconcile_strategy not in ("", BY_VERSION, BY_REVISION):
        known = f"{BY_VERSION} or {BY_REVISION}"
        problems.append(f"spec.reconcileStrategy: {spec.reconcile_strategy!r} must be {known}")
    if spec.verify is not None:
        problems += verification_problems(spec.verify)
        if spec.source_ref.kind == git.KIND:
            problems.append(f"spec.verify: charts of a {git.KIND} bear no signatures; verify the {git.KIND}")
    if spec.values_file:
        told.warnings.append("spec.valuesFile is deprecated; write spec.valuesFiles")
    if spec.access_from is not None:
        told.warnings.append("spec.accessFrom has no effect, as in Flux")
