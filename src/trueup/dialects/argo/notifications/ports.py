"""What telling Applications' users needs of others."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from trueup.core.objects import ObjectRef


class Telling(msgspec.Struct, frozen=True):
    """A message ready to go: through which service, to whom, what.

    `options` are the service's with the Secret's values in them, and `section` may hold such values too: neither is for
    any log. `key` is the same for the same message to the same recipient; `once` is what it is told once for.
    """

    app: ObjectRef
    key: str
    trigger: str
    once: str
    service: str
    service_name: str
    options: Any
    recipient: str
    message: str
    section: dict[str, Any]


class Courier(Protocol):
    """Takes messages to their services."""

    def tell(self, telling: Telling) -> None:
        """Take a message; it goes out later. Never blocks and never raises."""
        ...


class Marks(Protocol):
    """Keeps small notes on users' objects."""

    async def mark(self, ref: ObjectRef, annotation: str, value: str | None) -> None:
        """Set an annotation, or remove it (`None`); an object that is gone is none to be marked.

        Raises `Unreachable`.
        """
        ...


class Complaints(Protocol):
    """Tells users what is wrong with their configuration."""

    def complain(self, ref: ObjectRef, message: str) -> None:
        """Say what is wrong. Never blocks and never raises."""
        ...
