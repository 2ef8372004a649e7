"""`status.history`: what was delivered and stayed, the newest last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.core.model.state import HistoryEntry
from trueup.dialects.argo.application.sources.shown import Shown
from trueup.dialects.decode import list_of, number_of
from trueup.dialects.sync_options import commit_of
from trueup.dialects.times import restamped

LIMIT = 10
"""How many entries upstream keeps where `spec.revisionHistoryLimit` says nothing."""

_AUTOMATED = frozenset({"", "trueup", "automated"})


def history(
    before: Mapping[str, Any], spec: Mapping[str, Any], shown: Shown, deployments: tuple[HistoryEntry, ...]
) -> list[Any]:
    """Give the entries. One that was written before stays as it is, with the sources it was delivered from."""
    known = {number_of(item, "id", -1): item for item in list_of(before, "history") if isinstance(item, Mapping)}
    limit = number_of(spec, "revisionHistoryLimit", LIMIT)
    good = [item for item in deployments if item.outcome == "good"]
    entries: list[Any] = []
    for item in good[-limit:] if limit > 0 else []:
        entry = known.get(item.id)
        if entry is None or _revisions(entry) != [commit_of(text) for text in item.revisions or (item.revision,)]:
            entry = {
                "id": item.id,
                **shown.revisions(item.revision, item.revisions),
                "deployStartedAt": restamped(item.started_at),
                "deployedAt": restamped(item.finished_at),
                "initiatedBy": {"automated": True} if item.initiator in _AUTOMATED else {"username": item.initiator},
                **shown.sources,
            }
        entries.append(entry)
    return entries


def _revisions(entry: Mapping[str, Any]) -> list[Any]:
    return list_of(entry, "revisions") or [entry.get("revision")]
