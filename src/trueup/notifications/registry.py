"""The services that messages go to: found by name among the entry points `trueup.notifiers`, own and plug-ins' alike.

A new service is one class in one file, and one line in its package's entry points.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Protocol

import structlog

from trueup.core.notification.notification import Notification
from trueup.notifications.sending import Client

log = structlog.get_logger(__name__)

GROUP = "trueup.notifiers"


class Service(Protocol):
    """Takes messages to one kind of service. One instance serves all channels of that kind."""

    gathered: bool
    """Whether its messages are for people: several that say the same become one."""

    async def send(self, notification: Notification, client: Client) -> None:
        """Send a message. Raises `Refused` where it did not arrive; no secret may stand in its words."""
        ...


def services() -> dict[str, Service]:
    """Give all services by name; one that cannot be loaded is left out and logged."""
    found: dict[str, Service] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = point.load()()
        except Exception as error:
            log.error("a notifier cannot be used", name=point.name, error=f"{type(error).__name__}: {error}")
    return found
