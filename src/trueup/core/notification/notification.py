"""A message that is ready to go to the users of an object, and the port of who takes it there.

It is addressed in the words of the service that its users configured; which dialect these come from does not matter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from trueup.core.model.objects import ObjectRef


class Severity(StrEnum):
    """How bad what happened is."""

    INFO = "info"
    ERROR = "error"


class NotificationEvent(msgspec.Struct, frozen=True):
    """What a message tells of, in neutral words, for services that write it in their own way.

    `reason` is one word for programs. `source` and `commit` are the repository's URL and the commit's full id, empty
    where there is none. `recovered`: it ends an earlier bad state. `facts` are further names and values. `thread` is
    the same for all that belongs together: what one commit brought about, say. `also` are further objects of which
    the very same is told. `sync` is the id of the sync that it reports, if it does: a restart in the middle reports the
    same sync, in other words perhaps.
    """

    about: ObjectRef
    severity: Severity
    reason: str
    message: str
    at: datetime
    revision: str = ""
    source: str = ""
    commit: str = ""
    recovered: bool = False
    facts: tuple[tuple[str, str], ...] = ()
    thread: str = ""
    also: tuple[ObjectRef, ...] = ()
    sync: str = ""

    @property
    def title(self) -> str:
        """Whom it is about, in one line."""
        more = f" and {len(self.also)} more" if self.also else ""
        return f"{self.about}{more}"


class Notification(msgspec.Struct, frozen=True):
    """A message ready to go: through which service, to whom, what.

    `service` is the service's type, `service_name` what its users call it. `options` are the service's, with secret
    values in them, and `section` (what only this service understands) may hold such values too: neither is for any log.
    `key` is the same for the same message to the same recipient; `once` is what it is told once for. `event` is
    what it tells of, where its users left the writing to the service.

    `opened` reads the options anew for each try, so that no Secret is held while a message waits; it raises
    `Unreachable`. `concluded` is called once: it was delivered, or is given up for good.
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
    event: NotificationEvent | None = None
    opened: Callable[[], Awaitable[Any]] | None = None
    concluded: Callable[[], None] | None = None

    def __repr__(self) -> str:
        """Name the message; what may be secret is left out."""
        return f"Telling({self.about}, {self.trigger!r}, {self.service_name!r})"


class Dispatcher(Protocol):
    """Takes messages to their services."""

    def tell(self, notification: Notification) -> None:
        """Take a message; it goes out later. Never blocks and never raises."""
        ...


class Warnings(Protocol):
    """Tells users what is wrong with what they configured."""

    def warn(self, ref: ObjectRef, message: str) -> None:
        """Say what is wrong. Never blocks and never raises."""
        ...
