"""What services have in common when they write a message: cutting, colours, names and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trueup.core.telling import Happening, Severity, Telling
from trueup.notify.sending import Refused


def cut(text: str, limit: int) -> str:
    """Cut a text to what a service takes."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def options_of(telling: Telling) -> Mapping[str, Any]:
    """Give a message's options as a mapping."""
    return telling.options if isinstance(telling.options, Mapping) else {}


def option(telling: Telling, *names: str) -> str:
    """Give the first option that is set, as a text; empty where none is."""
    options = options_of(telling)
    return next((str(options[name]) for name in names if options.get(name)), "")


def needed(telling: Telling, *names: str) -> str:
    """Give the first option that is set. Raises `Refused` where none is."""
    found = option(telling, *names)
    if not found:
        raise Refused(f"it has no {names[0]}; put it into its Secret or its own object")
    return found


def colour(happening: Happening | None, good: str, bad: str) -> str:
    """Give one of two colours."""
    return bad if happening is not None and happening.severity is Severity.ERROR else good


def facts(happening: Happening | None) -> tuple[tuple[str, str], ...]:
    """Give the names and values that stand beside a message, the revision first."""
    if happening is None:
        return ()
    revision = (("revision", happening.revision),) if happening.revision else ()
    return (*revision, *happening.facts)


def decoded(value: Any, what: str) -> Any:
    """Give a part of a message that is written as JSON text, or is a value already. Raises `Refused`."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.MsgspecError:
        raise Refused(f"{what} of the template is no JSON") from None
