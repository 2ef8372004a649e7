"""What services have in common when they write a message: colours, names and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.notification.notification import Notification, NotificationEvent, Severity
from trueup.notifications.sending import Refused


def options_of(notification: Notification) -> Mapping[str, Any]:
    """Give a message's options as a mapping."""
    return notification.options if isinstance(notification.options, Mapping) else {}


def option(notification: Notification, *names: str) -> str:
    """Give the first option that is set, as a text; empty where none is."""
    options = options_of(notification)
    return next((str(options[name]) for name in names if options.get(name)), "")


def needed(notification: Notification, *names: str) -> str:
    """Give the first option that is set. Raises `Refused` where none is."""
    found = option(notification, *names)
    if not found:
        raise Refused(f"it has no {names[0]}; put it into its Secret or its own object")
    return found


def colour(event: NotificationEvent | None, good: str, bad: str) -> str:
    """Give one of two colours."""
    return bad if event is not None and event.severity is Severity.ERROR else good


def facts(event: NotificationEvent | None) -> tuple[tuple[str, str], ...]:
    """Give the names and values that stand beside a message, the revision first."""
    if event is None:
        return ()
    revision = (("revision", event.revision),) if event.revision else ()
    return (*revision, *event.facts)


def decoded(value: Any, what: str) -> Any:
    """Give a part of a message that is written as JSON text, or is a value already. Raises `Refused`."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.MsgspecError:
        raise Refused(f"{what} of the template is no JSON") from None
