"""Trueup's annotations about taking bad changes back, read alike in every dialect.

A value that means nothing is told in the unit's status and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from trueup.core.model.dialect import Context
from trueup.core.model.unit import ReturnPolicy
from trueup.dialects.times import seconds

ROLLBACK = "trueup.dev/rollback"
"""`auto`, `propose` or `report`."""

APPROVED = "trueup.dev/approved"
"""On a unit: when somebody approved what its status asks for before anything is removed (RFC 3339)."""

HEALTH_TIMEOUT = "trueup.dev/health-timeout"
"""A Go duration: how long objects may take to become healthy before the sync counts as bad."""

PAST_JOBS = "trueup.dev/rollback-past-jobs"
"""`true`: a return may go back past a Job that has run to its end."""

PROPOSE_REVERT = "trueup.dev/propose-revert"
"""`true`: a return that happens by itself also proposes the revert in Git."""


class RollbackOptions(msgspec.Struct, frozen=True):
    """What an object asks for: `inherited` is `None` where it names a policy; `deadline` is in seconds."""

    policy: ReturnPolicy
    inherited: ReturnPolicy | None
    deadline: float | None
    past_jobs: bool
    propose_revert: bool


def rollback_options(annotations: Mapping[str, str], context: Context, warnings: list[str]) -> RollbackOptions:
    """Read all of them; what cannot be read is added to `warnings`."""
    policy = _policy(annotations, context.returns, warnings)
    return RollbackOptions(
        policy=context.returns if policy is None else policy,
        inherited=context.taken_over if policy is None else None,
        deadline=_deadline(annotations, warnings),
        past_jobs=_switch(annotations, PAST_JOBS, warnings),
        propose_revert=_switch(annotations, PROPOSE_REVERT, warnings),
    )


def _policy(annotations: Mapping[str, str], default: ReturnPolicy, warnings: list[str]) -> ReturnPolicy | None:
    wish = annotations.get(ROLLBACK)
    if wish is None:
        return None
    try:
        return ReturnPolicy(wish.strip().lower())
    except ValueError:
        warnings.append(f"annotation {ROLLBACK}: {wish!r} is none of auto, propose, report; {default.value} is used")
        return None


def _deadline(annotations: Mapping[str, str], warnings: list[str]) -> float | None:
    wish = annotations.get(HEALTH_TIMEOUT)
    if wish is None:
        return None
    value = seconds(wish.strip())
    if not value:
        warnings.append(f"annotation {HEALTH_TIMEOUT}: {wish!r} is no duration above zero; write for example 90s or 5m")
        return None
    return value


def _switch(annotations: Mapping[str, str], name: str, warnings: list[str]) -> bool:
    wish = annotations.get(name, "false").strip().lower()
    if wish not in ("true", "false"):
        warnings.append(f"annotation {name}: {wish!r} is neither true nor false; false is used")
    return wish == "true"


def approval(annotations: Mapping[str, str], *names: str) -> datetime | None:
    """Read when removals were last approved, by Trueup's annotation or one of these; `None`: never."""
    found = []
    for name in (APPROVED, *names):
        try:
            given = datetime.fromisoformat(annotations[name])
        except (KeyError, ValueError):
            continue
        found.append(given if given.tzinfo is not None else given.replace(tzinfo=UTC))
    return max(found, default=None)
