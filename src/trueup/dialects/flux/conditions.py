"""Conditions as Flux writes them: their order, their times, their reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from trueup.core.model.reports import Notice
from trueup.core.wording import cut
from trueup.dialects.adapter import NOTICES
from trueup.dialects.decode import list_of, text_of
from trueup.dialects.times import stamp

READY, RECONCILING, STALLED, HEALTHY = "Ready", "Reconciling", "Stalled", "Healthy"
PROGRESSING, PROGRESSING_WITH_RETRY, SUCCEEDED = "Progressing", "ProgressingWithRetry", "Succeeded"

_FIRST = {STALLED: "0", RECONCILING: "1", READY: "2"}
_LONGEST = 32768
_WORD = re.compile(r"[A-Za-z0-9]+")


class Condition(msgspec.Struct, frozen=True):
    """One condition; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


def written(
    conditions: Iterable[Condition], before: Mapping[str, Any], generation: int, now: datetime, foreign: frozenset[str]
) -> list[dict[str, Any]]:
    """Write conditions: Stalled, Reconciling and Ready first, then by type.

    One whose status, reason and message stay keeps its transition time. Conditions in `before` whose types are neither
    given nor in `foreign` (the types that this controller owns) belong to others and stay.
    """
    known: dict[str, Mapping[str, Any]] = {}
    for item in list_of(before, "conditions"):
        if isinstance(item, Mapping):
            known[text_of(item, "type")] = item
    entries: dict[str, dict[str, Any]] = {
        kind: dict(item) for kind, item in known.items() if kind and kind not in foreign
    }
    for item in conditions:
        message = cut(item.message, _LONGEST)
        old = known.get(item.type, {})
        same = (old.get("status"), old.get("reason"), old.get("message")) == (item.status, item.reason, message)
        entries[item.type] = {
            "type": item.type,
            "status": item.status,
            "reason": item.reason,
            "message": message,
            "lastTransitionTime": (text_of(old, "lastTransitionTime") if same else "") or stamp(now),
            "observedGeneration": generation,
        }
    return [entries[kind] for kind in sorted(entries, key=lambda kind: (_FIRST.get(kind, "3"), kind))]


def notices_condition(notices: tuple[Notice, ...]) -> Iterable[Condition]:
    """Give the condition that names what the user should know, none where there is nothing."""
    if notices:
        codes = {notice.code for notice in notices}
        reason = "".join(word.capitalize() for word in _WORD.findall(codes.pop())) if len(codes) == 1 else ""
        if not reason[:1].isalpha():
            reason = "SeveralNotices"
        yield Condition(NOTICES, "True", reason, "; ".join(dict.fromkeys(notice.message for notice in notices)))


def is_true(body: Mapping[str, Any], kind: str) -> bool:
    """Say whether a status has a condition of this type that is true."""
    return any(
        isinstance(item, Mapping) and item.get("type") == kind and item.get("status") == "True"
        for item in list_of(body, "conditions")
    )
