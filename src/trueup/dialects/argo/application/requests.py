"""What a user asks for once: the refresh annotation and the top-level `operation`.

Both are removed when they were taken up, and the same may be asked for again later. A request's token therefore holds,
beside its content, when it was made, as the API server recorded it in the managed fields.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trueup.core.initiator import LONGEST_NAME, REQUESTED_BY, initiator, requested_by
from trueup.core.model.dialect import annotations_of
from trueup.core.model.objects import Body, ObjectRef, digest_of
from trueup.core.model.recipe import Recipe
from trueup.core.model.unit import Operation
from trueup.dialects.argo.application.policy import retry_of
from trueup.dialects.argo.application.recipe import builder_for
from trueup.dialects.argo.application.types import Operation as Asked
from trueup.dialects.argo.application.types import Source
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


def request_of(body: Body, source: Source | None, *, proven: bool = False) -> Request | None:
    """Give the sync that is asked for; `source` is the Application's own.

    `proven`: the API server admits no mark in another person's name.
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
    if sync.sources or sync.revisions:
        problems.append("operation.sync.sources: several sources are not supported yet")
    recipe = None
    if sync.source is not None and not _same_source(sync.source, source):
        recipe = _earlier_recipe(body, sync.source, source, problems)
    strategy = sync.sync_strategy
    force = strategy is not None and any(part is not None and part.force for part in (strategy.apply, strategy.hook))
    revision = sync.revision
    if not revision and sync.source is not None:
        revision = sync.source.target_revision
    operation = Operation(
        id=token,
        revision=revision,
        prune=sync.prune,
        dry_run=sync.dry_run,
        force=force,
        recipe=recipe,
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


def _earlier_recipe(body: Body, asked: Source, own: Source | None, problems: list[str]) -> Recipe | None:
    """Read another source of the Application's own repository: that of the entry of its history to go back to."""
    root = "operation.sync.source"
    if own is None or asked.repo_url != own.repo_url or asked.chart or asked.ref:
        problems.append(
            f"{root}: only another folder or other parameters of the Application's own repository can be synced"
        )
        return None
    spec = mapping_of(body, "spec")
    builder = builder_for(
        asked,
        text_of(metadata_of(body), "name"),
        text_of(spec, "project") or "default",
        text_of(mapping_of(spec, "destination"), "namespace"),
        root,
    )
    recipe = builder.recipe(asked, builder.environment["ARGOCD_APP_NAME"], builder.environment["ARGOCD_APP_NAMESPACE"])
    problems += builder.problems
    return None if builder.problems else recipe


def _same_source(asked: Source, own: Source | None) -> bool:
    return own is not None and msgspec.structs.replace(asked, target_revision="") == msgspec.structs.replace(
        own, target_revision=""
    )


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
