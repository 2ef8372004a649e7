"""What a user asks for once: the refresh annotation and the top-level `operation`.

Both are removed when they were taken up, and the same may be asked for again later. A request's token therefore holds,
beside its content, when it was made, as the API server recorded it in the managed fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trueup.core.initiator import LONGEST_NAME, REQUESTED_BY, initiator, requested_by
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, ObjectRef, digest_of
from trueup.core.model.unit import Operation, UnitSource
from trueup.dialects.argo.application.policy import retry_of
from trueup.dialects.argo.application.sources.declared import polled, read_sources, sources_of
from trueup.dialects.argo.application.sources.reading import Reader
from trueup.dialects.argo.application.types import GROUP, KIND, Source, Spec, SyncOperation, instance_name
from trueup.dialects.argo.application.types import Operation as Asked
from trueup.dialects.argo.appproject.types import DEFAULT
from trueup.dialects.decode import list_of, mapping_of, metadata_of, read, text_of

REFRESH = "argocd.argoproj.io/refresh"
OPERATION = "operation"


class Request(msgspec.Struct, frozen=True):
    """A sync that was asked for: the neutral operation, or why it cannot be carried out."""

    operation: Operation
    refusal: str = ""


def refresh_token(body: Body) -> str:
    """Give the token of a requested refresh, empty where none is."""
    wish = annotations_of(body).get(REFRESH, "")
    return f"{wish}@{_written(body, 'f:metadata', 'f:annotations', 'f:' + REFRESH)}".removesuffix("@") if wish else ""


def request_of(body: Body, spec: Spec, *, proven: bool = False, home: str = "argocd") -> Request | None:
    """Give the sync that is asked for.

    `proven`: the API server admits no mark in another person's name. `home` is the namespace of the installation.
    """
    raw = body.get(OPERATION)
    if not isinstance(raw, dict):
        return None
    found = read(raw, Asked, OPERATION)
    asked = found.value
    problems = list(found.problems)
    retry = retry_of(asked.retry, 0, problems, "operation.retry")
    who = _initiator(body, asked, proven=proven)
    try:
        content = digest_of(raw)
    except (TypeError, ValueError, RecursionError):
        content = "unreadable"
    token = f"{content}@{_written(body, 'f:operation')}".removesuffix("@")
    sync = asked.sync
    if sync is None:
        problems.append("operation.sync is required")
        return Request(Operation(token, initiator=who, retry=retry), "; ".join(problems))
    if sync.manifests:
        problems.append("operation.sync.manifests: syncing local files is not supported; commit them")
    own = sources_of(spec)
    given = sync.sources or ((sync.source,) if sync.source is not None else ())
    sources: tuple[UnitSource, ...] = ()
    if given and not _same_sources(given, own):
        sources = _earlier_sources(body, given, spec, home, problems)
    revisions = _revisions(sync, given, own, problems)
    strategy = sync.sync_strategy
    force = strategy is not None and any(part is not None and part.force for part in (strategy.apply, strategy.hook))
    operation = Operation(
        id=token,
        revision=revisions[0] if revisions else "",
        revisions=revisions if len(revisions) > 1 else (),
        prune=sync.prune,
        dry_run=sync.dry_run,
        force=force,
        sources=sources,
        resources=tuple(ObjectRef(item.group, item.kind, item.namespace, item.name) for item in sync.resources),
        initiator=who,
        retry=retry,
    )
    return Request(operation, "; ".join(problems))


def _initiator(body: Body, asked: Asked, *, proven: bool) -> str:
    """Name who asks: as the mark has it that belongs to this operation, else as the operation itself says."""
    token = next((item.value for item in asked.info if item.name == REQUESTED_BY), "")
    if marked := requested_by(annotations_of(body), token):
        return initiator(marked, proven=proven)
    return initiator(asked.initiated_by.username[:LONGEST_NAME], proven=False)


def _revisions(
    sync: SyncOperation, given: Sequence[Source], own: Sequence[Source], problems: list[str]
) -> tuple[str, ...]:
    """Give the revision that is asked for of each source, empty for the one that it follows; nothing where all are."""
    count = max(len(own), 1)
    if sync.revision and not sync.revisions and count > 1:
        problems.append(
            f"operation.sync.revision: the Application has {count} sources; name a revision for each, in their order, "
            "in operation.sync.revisions (empty: the one that it follows)"
        )
    if len(sync.revisions) > count:
        problems.append(
            f"operation.sync.revisions: {len(sync.revisions)} are given, and the Application has {count} source"
            + ("s" if count > 1 else "")
        )
    asked = [*(sync.revisions or (sync.revision,)), *[""] * count][:count]
    targets = [*(one.target_revision for one in given), *[""] * count]
    found = tuple(revision or target for revision, target in zip(asked, targets, strict=False))
    return found if any(found) else ()


def _earlier_sources(
    body: Body, given: Sequence[Source], spec: Spec, home: str, problems: list[str]
) -> tuple[UnitSource, ...]:
    """Read other sources of the Application's own repositories: those of the entry of its history to go back to."""
    own = sources_of(spec)
    root = "operation.sync.sources" if len(given) > 1 else "operation.sync.source"
    if [(one.repo_url, one.chart) for one in given] != [(one.repo_url, one.chart) for one in own]:
        repositories = "repositories, as many and in the same order," if len(own) > 1 else "repository"
        problems.append(
            f"{root}: only another folder or other parameters of the Application's own {repositories} can be synced"
        )
        return ()
    metadata = metadata_of(body)
    name, namespace = text_of(metadata, "name"), text_of(metadata, "namespace")
    ref = ObjectRef(GROUP, KIND, namespace, name)
    reader = Reader(name, instance_name(name, namespace, home), spec.project or DEFAULT, spec.destination.namespace)
    found = read_sources(given, polled(ref, own), reader, root)
    problems += found.problems
    return found.sources if not found.problems else ()


def _same_sources(asked: Sequence[Source], own: Sequence[Source]) -> bool:
    def fixed(sources: Sequence[Source]) -> list[Source]:
        return [msgspec.structs.replace(one, target_revision="") for one in sources]

    return fixed(asked) == fixed(own)


def _written(body: Body, *path: str) -> str:
    """Give when the field at this path of managed fields was last written, empty where that is not known."""
    latest = ""
    for entry in list_of(metadata_of(body), "managedFields"):
        fields: Any = mapping_of(entry, "fieldsV1")
        for step in path:
            fields = fields.get(step) if isinstance(fields, dict) else None
        if fields is not None:
            latest = max(latest, text_of(entry, "time"))
    return latest
