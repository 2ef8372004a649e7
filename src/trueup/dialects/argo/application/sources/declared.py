"""From `spec.source` and `spec.sources` to the sources of a unit and what is polled for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trueup.core.model.artifact import SourceSpec
from trueup.core.model.git import GitRef, GitSpec, Verification
from trueup.core.model.objects import ObjectRef
from trueup.core.model.unit import SourceDeclaration, UnitSource, nth_source
from trueup.core.redaction import hide_user
from trueup.core.repository.helm import HelmSpec
from trueup.core.repository.oci import SCHEME, OciRef, OciSpec
from trueup.dialects.argo.application.recipe import PLACEHOLDER
from trueup.dialects.argo.application.sources.reading import Reader, reading_of
from trueup.dialects.argo.application.types import Source, Spec
from trueup.dialects.decode import list_of, mapping_of, text_of

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")


class Given(msgspec.Struct, frozen=True):
    """The sources of a unit, in their order, and what is wrong with them or asked for in vain."""

    sources: tuple[UnitSource, ...]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def sources_of(spec: Spec) -> tuple[Source, ...]:
    """Give the sources that count: `sources` beats `source`."""
    return spec.sources or ((spec.source,) if spec.source is not None else ())


def source_of(spec: Spec) -> Source | None:
    """Give the source that stands for all of them where there is room for one: the first that delivers something."""
    found = sources_of(spec)
    return next((one for one in found if not only_for_others(one)), found[0] if found else None)


def only_for_others(source: Source) -> bool:
    """Say whether a source delivers nothing by itself."""
    return bool(source.ref) and not source.path and not source.chart


def given_sources(spec: Spec, unit: ObjectRef, reader: Reader) -> Given:
    """Read an Application's sources; whatever cannot be done becomes a problem that names its field."""
    given = sources_of(spec)
    if spec.source_hydrator is not None:
        return Given((UnitSource(unit, PLACEHOLDER),), ("spec.sourceHydrator is not supported yet",))
    if not given:
        return Given((UnitSource(unit, PLACEHOLDER),), ("spec.source is required",))
    root = "spec.sources" if spec.sources else "spec.source"
    return read_sources(given, polled(unit, given), reader, root)


def read_sources(given: Sequence[Source], refs: Sequence[ObjectRef], reader: Reader, root: str) -> Given:
    """Read sources; `refs` are those that are polled for them, and `root` is where they stand in the object."""
    names = [one.ref for one in given if one.ref]
    problems, warnings, found = list[str](), list[str](), list[UnitSource]()
    reader = msgspec.structs.replace(reader, refs=tuple(names))
    for number, (one, ref) in enumerate(zip(given, refs, strict=True)):
        place = f"{root}[{number}]" if root.endswith("s") else root
        problems += _ref_problems(one, names, place)
        if only_for_others(one):
            found.append(UnitSource(ref, None, one.ref))
            continue
        if one.chart and not one.target_revision:
            problems.append(
                f"{place}.targetRevision is required if the manifest source is a helm chart; "
                "write a version, or a range such as 1.x"
            )
        if one.chart and one.path:
            warnings.append(f"{place}.path has no effect beside chart")
        reading = reading_of(one, reader, place)
        problems += reading.problems
        warnings += reading.warnings
        found.append(UnitSource(ref, reading.recipe, one.ref, reading.late))
    if all(one.recipe is None for one in found):
        what = "a source for other sources delivers nothing by itself"
        place = f"{root}[0]" if root.endswith("s") else root
        problems.append(f"{place}.ref: {what}; give it a path, or add a source that has one")
        found[0] = UnitSource(refs[0], PLACEHOLDER)
    return Given(tuple(found), tuple(problems), tuple(warnings))


def _ref_problems(source: Source, names: Sequence[str], root: str) -> list[str]:
    if not source.ref:
        return []
    if not _NAME.match(source.ref):
        return [f"{root}.ref: {source.ref!r} may hold letters, digits, - and _ only"]
    return [f"{root}.ref: several sources are called {source.ref!r}"] if names.count(source.ref) > 1 else []


# ------------------------------------------------------------------------------------------------ what is polled


def polled(unit: ObjectRef, given: Sequence[Source]) -> tuple[ObjectRef, ...]:
    """Give for each source what is polled for it: those that follow the same revision of a repository share one.

    So they are never at two commits of it at once.
    """
    first: dict[SourceSpec, ObjectRef] = {}
    return tuple(first.setdefault(source_spec(one), nth_source(unit, number)) for number, one in enumerate(given))


def source_spec(source: Source, signers: tuple[str, ...] = ()) -> SourceSpec:
    """Give what a source follows; `oci://` is what tells a registry from a Git repository.

    `signers` are the ids of the keys that commits must be signed by, none where they need not be.
    """
    if source.chart:
        url = source.repo_url if "://" in source.repo_url else f"{SCHEME}{source.repo_url}"
        return HelmSpec(
            url=url,
            chart=source.chart,
            version=source.target_revision,
            unwrap=True,
            pass_credentials=source.helm is not None and source.helm.pass_credentials,
        )
    if source.repo_url.startswith(SCHEME):
        return OciSpec(url=source.repo_url, ref=OciRef(revision=source.target_revision), only=True)
    return GitSpec(
        url=source.repo_url,
        ref=GitRef(revision=source.target_revision or "HEAD", tag_prefix=source.tag_prefix),
        submodules=True,
        verify=Verification.ANY if signers else Verification.NOTHING,
        signers=signers,
    )


def unsigned_sources(given: Sequence[Source], signers: tuple[str, ...], project: str) -> list[str]:
    """Name the sources that bear no signatures, in a project that asks for these."""
    if not signers:
        return []
    return [
        f"project {project} asks for signatures, which {hide_user(one.repo_url)} cannot bear: only Git sources do"
        for one in given
        if not isinstance(source_spec(one), GitSpec) or one.chart
    ]


def declarations(
    template: SourceDeclaration, given: Sequence[Source], status: Mapping[str, Any], signers: tuple[str, ...] = ()
) -> tuple[SourceDeclaration, ...]:
    """Give what is polled for all sources; `template` has what they share, `status` the revisions of before."""
    found: dict[ObjectRef, SourceDeclaration] = {}
    for number, (one, ref) in enumerate(zip(given, polled(template.ref, given), strict=True)):
        if ref not in found:
            remembered = remembered_revision(status, number)
            found[ref] = msgspec.structs.replace(
                template, ref=ref, spec=source_spec(one, signers), remembered=remembered
            )
    return tuple(found.values()) or (template,)


def remembered_revision(status: Mapping[str, Any], number: int) -> str:
    """Give the revision of the n-th source that a status shows, from 0; empty where it shows none."""
    sync = mapping_of(status, "sync")
    several = list_of(sync, "revisions")
    if number < len(several):
        return several[number] if isinstance(several[number], str) else ""
    return text_of(sync, "revision") if number == 0 else ""
