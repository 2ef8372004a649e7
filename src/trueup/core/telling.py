"""A message that is ready to go to the users of an object, and the port of who takes it there.

It is addressed in the words of the service that its users configured; which dialect these come from does not matter.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from trueup.core.objects import ObjectRef


class Telling(msgspec.Struct, frozen=True):
    """A message ready to go: through which service, to whom, what.

    `service` is the service's type, `service_name` what its users call it. `options` are the service's, with secret
    values in them, and `section` (what only this service understands) may hold such values too: neither is for any log.
    `key` is the same for the same message to the same recipient; `once` is what it is told once for.
    """

    about: ObjectRef
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


class Complaints(Protocol):
    """Tells users what is wrong with what they configured."""

    def complain(self, ref: ObjectRef, message: str) -> None:
        """Say what is wrong. Never blocks and never raises."""
        ...
