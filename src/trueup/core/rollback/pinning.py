"""Pinning a unit to an earlier deployment, and releasing it: the request, and what comes of it.

A request is written on the unit's `UnitState`, which no Git repository manages: so a user's object that itself comes
from Git does not undo it. A label on it tells the controller that something is asked.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trueup.core.model.state import GoodRevision, HistoryEntry, Pin, UnitState
from trueup.core.rollback.revision_history import before, choices, find, named

REQUEST = "trueup.dev/request"
"""The annotation that holds the request as JSON, and the label (of any value) that says that there is one."""

REQUEST_BYTES = 4096


class PinAction(StrEnum):
    """What is asked for."""

    PIN = "pin"
    UNPIN = "unpin"


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody asks for. `token` is new for each request; `to` names an earlier deployment, empty: the one before.

    `by` is who asks, as the API server told the one who wrote it, and `reason` why.
    """

    wish: PinAction
    token: str
    to: str = ""
    by: str = ""
    reason: str = ""


class CannotPin(Exception):
    """What was asked for cannot be done; the text says why."""


def request_from(text: str) -> Request | None:
    """Read a request; `None`: it is none."""
    if len(text) > REQUEST_BYTES:
        return None
    try:
        return msgspec.json.decode(text, type=Request)
    except msgspec.MsgspecError:
        return None


def target_of(state: UnitState, to: str) -> GoodRevision:
    """Find the deployment that a unit is to be pinned to. Raises `CannotPin`."""
    if to:
        found = find(state.good_revisions, to) or _as_recorded(state, to)
        if found is None:
            known = choices(state.good_revisions) or "none yet"
            known_as = (item for item in state.history if named(to, item.id, item.sync, (item.revision,)))
            bad = next((item for item in known_as if item.outcome != "good"), None)
            why = f"deployment {to} was not good ({bad.outcome})" if bad else f"no good deployment {to!r} is remembered"
            raise CannotPin(f"{why}; it can be pinned to: {known}")
        return found
    found = before(state.good_revisions, state.applied.digest if state.applied else "")
    if found is None:
        raise CannotPin("no earlier deployment is remembered that was good")
    return found


def _as_recorded(state: UnitState, to: str) -> GoodRevision | None:
    """Find the good inputs of a deployment that only brought what had been good before, under another revision."""
    for entry in reversed(state.history):
        if entry.outcome == "good" and named(to, entry.id, entry.sync, (entry.revision,)):
            return next((item for item in reversed(state.good_revisions) if _brought(entry, item)), None)
    return None


def _brought(entry: HistoryEntry, item: GoodRevision) -> bool:
    same_objects = bool(entry.digest) and entry.digest == item.inputs.objects
    return same_objects or entry.revision in (item.first, item.inputs.revision)


def answered(state: UnitState, request: Request, now: str) -> UnitState:
    """Give the state with the request carried out; `now` is the time of day. Raises `CannotPin`."""
    if request.wish is PinAction.UNPIN:
        return msgspec.structs.replace(state, pin=None, asked=request.token)
    found = target_of(state, request.to)
    pin = Pin(found.inputs, found.id, now, request.by, request.reason)
    return msgspec.structs.replace(
        state, pin=pin, asked=request.token, rollback_skipped=None, failures=0, failed_inputs=""
    )
